"""What the public pages show of the articles, from the cache where possible."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from django.conf import settings
from django.utils.text import Truncator

from content import pictures
from content.cache import remember_articles
from content.models import Article, ArticleQuerySet
from content.sanitise import plain_text

PAGE_SECONDS = 300
POOL_SECONDS = 300
POOL = 60  # cards from which a page picks at random
RELATED = 3
NEIGHBOURS = 200  # the newest articles, among which related ones are sought
WORDS_A_MINUTE = 180
_CARD = (
    "pk", "slug", "title", "language", "description", "image", "image_alt", "image_width", "image_height",
    "published_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Card:
    """An article in a list."""

    pk: int
    slug: str
    title: str
    language: str
    description: str
    picture: pictures.Shown | None
    published_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Page:
    """An article on its own page."""

    card: Card
    body: str
    minutes: int
    views: int
    related: list[Card]


def card_of(article: Article) -> Card:
    return Card(
        pk=article.pk,
        slug=article.slug,
        title=article.title,
        language=article.language,
        description=article.description,
        picture=pictures.shown(
            str(article.image), article.image_width, article.image_height, article.image_alt
        ),
        published_at=article.published_at,
        updated_at=article.updated_at,
    )


def page_of(article: Article) -> Page:
    """An article as its page shows it, published or as a preview."""
    minutes = max(1, round(len(plain_text(article.body).split()) / WORDS_A_MINUTE))
    return Page(
        card=card_of(article),
        body=article.body,
        minutes=minutes,
        views=article.views,
        related=_related(article),
    )


def published_page(slug: str) -> Page | None:
    """The page of a published article; unpublished ones are never cached."""
    try:
        return remember_articles(f"page:{slug}", lambda: _published_page(slug), seconds=PAGE_SECONDS)
    except Article.DoesNotExist:
        return None


def random_cards(language: str, number: int) -> list[Card]:
    """Some published articles, different on every call; other languages only fill up."""
    pool = remember_articles(f"pool:{language}", lambda: _pool(language), seconds=POOL_SECONDS)
    own = [card for card in pool if card.language == language]
    others = [card for card in pool if card.language != language]
    chosen = random.sample(own, min(number, len(own)))
    return chosen + random.sample(others, min(number - len(chosen), len(others)))


class Listing(Sequence[Card]):
    """All published articles of a language ("": of all), newest first; its pages are cached."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __len__(self) -> int:
        return remember_articles(f"count:{self.language}", self._articles().count, seconds=POOL_SECONDS)

    @overload
    def __getitem__(self, index: int) -> Card: ...
    @overload
    def __getitem__(self, index: slice) -> list[Card]: ...
    def __getitem__(self, index: int | slice) -> Card | list[Card]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        name = f"list:{self.language}:{index.start}:{index.stop}"
        return remember_articles(name, lambda: _cards(self._articles()[index]), seconds=PAGE_SECONDS)

    def _articles(self) -> ArticleQuerySet:
        published = Article.objects.published()
        return published.filter(language=self.language) if self.language else published


def languages() -> list[str]:
    """The languages that have articles, in the order of the settings."""
    return remember_articles("languages", _languages, seconds=POOL_SECONDS)


def describe(body: str) -> str:
    """The beginning of the text, for articles without a description."""
    return Truncator(plain_text(body)).chars(200)


def _published_page(slug: str) -> Page:
    return page_of(Article.objects.published().get(slug=slug))


def _pool(language: str) -> list[Card]:
    """A sample of ids picked here: ORDER BY random would sort the whole table for every visitor."""
    published = Article.objects.published().order_by()
    ids = list(published.filter(language=language).values_list("pk", flat=True))
    chosen = random.sample(ids, min(POOL, len(ids)))
    if len(chosen) < RELATED:
        others = list(published.exclude(language=language).values_list("pk", flat=True)[:POOL])
        chosen += random.sample(others, min(RELATED, len(others)))
    return _cards(Article.objects.filter(pk__in=chosen))


def _cards(articles: ArticleQuerySet) -> list[Card]:
    return [card_of(article) for article in articles.only(*_CARD)]


def _languages() -> list[str]:
    used = set(Article.objects.published().order_by().values_list("language", flat=True).distinct())
    return [code for code, _ in settings.LANGUAGES if code in used]


def _related(article: Article) -> list[Card]:
    """Those that share the most words in title and description; then the newest."""
    others = Article.objects.published().filter(language=article.language).exclude(pk=article.pk)
    newest = _cards(others[:NEIGHBOURS])
    words = _stems(article.title, article.description)
    return sorted(newest, key=lambda card: -len(words & _stems(card.title, card.description)))[:RELATED]


def _stems(*texts: str) -> set[str]:
    """Longer words without their endings, which is enough to compare titles in a few languages."""
    words = " ".join(texts).lower().split()
    return {word.strip(".,:;!?«»“”()–-")[:6] for word in words if len(word) > 4}
