"""What a content manager does to an article: save and delete. Pages and pictures follow."""

from django.db import transaction

from content import pictures
from content.cache import forget_articles
from content.models import Article
from content.reading import describe
from content.sanitise import clean_body

ALL_BUT_VIEWS = [
    field.name for field in Article._meta.concrete_fields if field.name != "views" and not field.primary_key
]


def save_article(article: Article, *, picture: pictures.Picture | None = None) -> Article:
    """Save an article with its body sanitised and its picture stored; the pages show it at once."""
    before = Article.objects.filter(pk=article.pk).first() if article.pk else None
    article.body = clean_body(article.body)
    article.description = article.description.strip() or describe(article.body)
    if picture:
        article.image = pictures.store(picture)
    with transaction.atomic():
        # Views counted meanwhile are kept.
        article.save(update_fields=ALL_BUT_VIEWS if before else None)
        transaction.on_commit(forget_articles)
        if before:
            _drop_picture(before)
    return article


def delete_article(article: Article) -> None:
    """Delete an article, and its picture unless another article shows it too."""
    with transaction.atomic():
        # Deleting clears the instance's id, so read what is needed first.
        before = Article.objects.filter(pk=article.pk).first()
        article.delete()
        transaction.on_commit(forget_articles)
        if before:
            _drop_picture(before)


def _drop_picture(before: Article) -> None:
    name, width = str(before.image), before.image_width
    if not name or not width:
        return

    def drop() -> None:
        if not Article.objects.filter(image=name).exists():
            pictures.remove(name, width)

    transaction.on_commit(drop)
