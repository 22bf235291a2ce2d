"""The newest articles of one language as RSS and Atom, and all of them for search engines."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Enclosure, SyndicationFeed
from django.utils.translation import gettext as _
from django.utils.translation import override

from content.models import Article
from site_config.text import for_xml

NUMBER = 20


class RssFeed(Feed):  # type: ignore[type-arg]  # not subscriptable at run time
    def get_object(self, request: HttpRequest, language: str) -> str:
        if language not in dict(settings.LANGUAGES):
            raise Http404
        return language

    def get_feed(self, obj: str, request: HttpRequest) -> SyndicationFeed:
        with override(obj):  # the feed has its own language, whoever asks
            return super().get_feed(obj, request)

    def title(self) -> str:
        return _("Mailings: the blog")

    def description(self) -> str:
        return _("Notes on mail that arrives, from the people who make Mailings.")

    subtitle = description

    def link(self, language: str) -> str:
        return f"{reverse('blog')}?language={language}"

    def items(self, language: str) -> QuerySet[Article]:
        return Article.objects.published().filter(language=language)[:NUMBER]

    def item_title(self, item: Article) -> str:
        return for_xml(item.title)

    def item_description(self, item: Article) -> str:
        return for_xml(item.description)

    def item_pubdate(self, item: Article) -> datetime:
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        return item.updated_at

    def item_enclosures(self, item: Article) -> list[Any]:
        if not item.image:
            return []
        return [Enclosure(settings.SITE_URL + item.image.url, "0", "image/jpeg")]


class AtomFeed(RssFeed):
    feed_type = Atom1Feed


class Articles(Sitemap):  # type: ignore[type-arg]  # not subscriptable at run time
    limit = 1_000  # 50,000 would be allowed, but would take seconds

    def items(self) -> QuerySet[Article]:
        return Article.objects.published().only("slug", "updated_at", "published_at")

    def lastmod(self, item: Article) -> datetime:
        return max(item.updated_at, item.published_at)


class Pages(Sitemap):  # type: ignore[type-arg]
    priority = 0.8

    def items(self) -> list[str]:
        return ["home", "blog"]

    def location(self, item: str) -> str:
        return reverse(item)


SITEMAPS = {"pages": Pages, "articles": Articles}
