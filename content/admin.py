import base64
from typing import Any

from allauth.core import ratelimit
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from content import pictures
from content.forms import ArticleForm
from content.models import Article
from content.publishing import delete_article, save_article
from content.reading import describe, page_of
from content.views import article_context


class Shown(admin.SimpleListFilter):
    """Whether an article can be read by everybody, and if not, why."""

    title = _("on the site")
    parameter_name = "shown"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("shown")), ("later", _("waiting for its date")), ("draft", _("draft"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        published = queryset.filter(status=Article.Status.PUBLISHED)
        return {
            "yes": published.filter(published_at__lte=timezone.now()),
            "later": published.filter(published_at__gt=timezone.now()),
            "draft": queryset.filter(status=Article.Status.DRAFT),
        }.get(self.value() or "", queryset)


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    form = ArticleForm
    change_form_template = "admin/content/article/change_form.html"
    list_display = ("thumbnail", "title", "language", "shown", "published_at", "views")
    list_display_links = ("thumbnail", "title")
    list_filter = (Shown, "language", "published_at")
    search_fields = ("title", "description", "body")
    date_hierarchy = "published_at"
    prepopulated_fields = {"slug": ("title",)}
    readonly_fields = ("views", "image_preview", "created_at", "updated_at")
    list_per_page = 50
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("title", "slug", "language", "body", "description")}),
        (_("Picture"), {"fields": ("image_preview", "image", "image_alt")}),
        (_("Publishing"), {"fields": ("status", "published_at", "views", "created_at", "updated_at")}),
    )

    @admin.display(description=_("Picture"))
    def thumbnail(self, article: Article) -> SafeString | str:
        return self._picture(article, 96)

    @admin.display(description=_("as it appears"))
    def image_preview(self, article: Article) -> SafeString | str:
        return self._picture(article, 480) or "–"

    @admin.display(description=_("shown"), boolean=True)
    def shown(self, article: Article) -> bool:
        return article.is_public

    def _picture(self, article: Article, width: int) -> SafeString | str:
        shown = pictures.shown(
            str(article.image), article.image_width, article.image_height, article.image_alt
        )
        if shown is None:
            return ""
        smallest = shown.srcset.partition(" ")[0]
        height = round(width * shown.height / shown.width)
        return format_html(
            '<img src="{}" width="{}" height="{}" alt="{}" loading="lazy">',
            smallest,
            width,
            height,
            shown.alt,
        )

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        save_article(obj, picture=form.picture)

    def delete_model(self, request: HttpRequest, obj: Article) -> None:
        delete_article(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        for article in queryset:
            delete_article(article)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return too_many_pictures(request) or super().changeform_view(request, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(require_POST(self.preview))
        return [path("preview/", preview, name="content_article_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The article as it would look, from a form that is not saved."""
        pk = request.GET.get("article", "")
        article = Article.objects.filter(pk=pk).first() if pk.isdecimal() else None
        if not (
            self.has_change_permission(request, article) if article else self.has_add_permission(request)
        ):
            raise PermissionDenied
        if refused := too_many_pictures(request):
            return refused
        form: Any = self.get_form(request, article, change=bool(article))(
            request.POST, request.FILES, instance=article
        )
        if not form.is_valid():
            return render(request, "content/preview_errors.html", {"form": form}, status=422)
        page = page_of(form.save(commit=False))
        new_picture = as_data(form.picture, form.instance.image_alt) if form.picture else page.card.picture
        description = form.instance.description or describe(page.body)
        context = article_context(page, preview=True, picture=new_picture, description=description)
        return render(request, "content/article.html", context)


def too_many_pictures(request: HttpRequest) -> HttpResponse | None:
    """Refuse further pictures before they are decoded, when somebody sends one after another."""
    if not request.FILES or ratelimit.consume(request, action="article_picture", user=request.user):
        return None
    refusal: HttpResponse = ratelimit.respond_429(request)
    return refusal


def as_data(picture: pictures.Picture, alt: str) -> pictures.Shown:
    """A picture as a data: URL, before it is stored anywhere."""
    source = "data:image/jpeg;base64," + base64.b64encode(picture.files[picture.name]).decode()
    return pictures.Shown(src=source, srcset="", width=picture.width, height=picture.height, alt=alt)
