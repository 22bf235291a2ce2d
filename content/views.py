"""The home page and the blog. What anonymous visitors see comes from the cache: see reading.py."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from content import counting, reading
from content.figures import figures
from content.models import Article
from content.pictures import Shown

PER_PAGE = 12
ALL = "all"
FOREVER = 365 * 24 * 60 * 60
_PICTURE = re.compile(r"blog/[0-9a-f]{20}(-\d{3,4})?\.(jpg|webp)")


def absolute(path: str) -> str:
    """The public address, whichever host name this request used."""
    return path if path.startswith(("http://", "https://")) else settings.SITE_URL + path


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "figures": figures(),
        "articles": reading.random_cards(get_language() or settings.LANGUAGE_CODE, 3),
        "canonical": absolute(reverse("home")),
        "image": absolute(static("img/share.jpg")),
        "json_ld": {
            "@context": "https://schema.org",
            "@type": "WebSite",
            "name": _("Mailings"),
            "url": absolute(reverse("home")),
        },
    }
    return render(request, "content/home.html", context)


@require_safe
def blog(request: HttpRequest) -> HttpResponse:
    languages = reading.languages()
    asked = request.GET.get("language") or get_language()
    language = asked if asked in languages else ALL
    page = Paginator(reading.Listing("" if language == ALL else str(language)), PER_PAGE).get_page(
        request.GET.get("page")
    )
    suffix = f"?page={page.number}" if page.number > 1 else ""
    context = {
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "chosen": language,
        "languages": [code for code in languages if len(languages) > 1],
        "feed_language": settings.LANGUAGE_CODE if language == ALL else language,
        "canonical": absolute(reverse("blog") + suffix),
        "image": absolute(static("img/share.jpg")),
    }
    return render(request, "content/blog.html", context)


@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    page = reading.published_page(slug)
    if page is None:
        return _unpublished(request, slug)
    response = render(request, "content/article.html", article_context(page))
    counting.count_view(request, response, article_id=page.card.pk)
    return response


def _unpublished(request: HttpRequest, slug: str) -> HttpResponse:
    """A draft, or an article dated in the future: only for those who may change it."""
    found = Article.objects.filter(slug=slug).first()
    if found is None or not request.user.has_perm("content.change_article"):
        raise Http404
    context = article_context(reading.page_of(found), preview=True)
    return render(request, "content/article.html", context)


def article_context(
    page: reading.Page,
    *,
    preview: bool = False,
    picture: Shown | None = None,
    description: str = "",
) -> dict[str, Any]:
    card = page.card
    if picture or description:
        card = replace(card, picture=picture or card.picture, description=description or card.description)
    canonical = absolute(reverse("article", args=[card.slug]) if card.slug else reverse("blog"))
    image = absolute(card.picture.src) if card.picture else ""
    return {
        "page": page,
        "card": card,
        "preview": preview,
        "canonical": canonical,
        "image": image,
        "json_ld": _posting(card, canonical, image),
    }


def _posting(card: reading.Card, canonical: str, image: str) -> dict[str, Any]:
    def stamp(moment: datetime | None) -> str:
        return moment.isoformat() if moment else ""

    name = _("Mailings")
    publisher = {"@type": "Organization", "name": name, "url": absolute(reverse("home"))}
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": card.title,
        "description": card.description,
        "inLanguage": card.language,
        "datePublished": stamp(card.published_at),
        "dateModified": stamp(card.updated_at),
        "mainEntityOfPage": canonical,
        "author": publisher,
        "publisher": publisher,
    }
    return data | ({"image": image} if image else {})


@require_safe
def media(request: HttpRequest, path: str) -> FileResponse:
    """The blog's pictures, whose names change with their content; nothing else in MEDIA_ROOT."""
    if not _PICTURE.fullmatch(path) or not default_storage.exists(path):
        raise Http404
    response = FileResponse(default_storage.open(path))
    response["Cache-Control"] = f"public, max-age={FOREVER}, immutable"
    return response


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    lines = [
        "User-agent: *",
        *(f"Allow: {reverse(name)}$" for name in ("account_login", "account_signup")),
        "Disallow: /admin/",
        "Disallow: /accounts/",
        "Disallow: /u/",
        "Disallow: /v/",
        "",
    ]
    lines.append(f"Sitemap: {absolute(reverse('sitemap'))}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
