from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

BODY_LIMIT = 200_000  # characters


class ArticleQuerySet(models.QuerySet["Article"]):
    def get_by_natural_key(self, slug: str) -> "Article":
        return self.get(slug=slug)

    def published(self, now: datetime | None = None) -> Self:
        """What everybody may read: published, and not dated in the future."""
        return self.filter(status=ArticleStatus.PUBLISHED, published_at__lte=now or timezone.now())


class ArticleStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")


class Article(models.Model):
    """An article of the blog. The body is sanitised HTML; the picture is kept in several sizes."""

    Status = ArticleStatus

    title = models.CharField(_("title"), max_length=150, validators=[MinLengthValidator(3)])
    slug = models.SlugField(
        _("address"),
        max_length=160,
        unique=True,
        error_messages={"unique": _("Another article already has this address.")},
        help_text=_("The last part of the article's address: Latin letters, digits, hyphens."),
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    description = models.CharField(
        _("description"),
        max_length=300,
        blank=True,
        help_text=_(
            "One or two sentences for lists and search engines. If empty, the start of the text is used."
        ),
    )
    body = models.TextField(_("text"), max_length=BODY_LIMIT)
    image = models.ImageField(
        _("picture"),
        upload_to="blog",
        width_field="image_width",
        height_field="image_height",
        blank=True,
    )
    image_alt = models.CharField(
        _("picture in words"),
        max_length=200,
        blank=True,
        help_text=_("What the picture shows, for people who cannot see it."),
    )
    image_width = models.PositiveIntegerField(null=True, editable=False)
    image_height = models.PositiveIntegerField(null=True, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    published_at = models.DateTimeField(
        _("published"),
        default=timezone.now,
        help_text=_("An article dated in the future appears on that date."),
    )
    views = models.PositiveBigIntegerField(_("views"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ("-published_at", "-pk")
        constraints = (
            models.CheckConstraint(
                name="content_article_picture_in_words",
                condition=Q(image="") | ~Q(image_alt=""),
                violation_error_message=_("Describe the picture in words."),
            ),
        )
        indexes = (
            models.Index(
                fields=("language", "-published_at", "-id"),
                name="content_article_by_date",
                condition=Q(status=ArticleStatus.PUBLISHED),
            ),
        )

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("article", args=[self.slug])

    def natural_key(self) -> tuple[str]:
        return (self.slug,)

    @property
    def is_public(self) -> bool:
        return self.status == self.Status.PUBLISHED and self.published_at <= timezone.now()
