from typing import IO, Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import Script
from django.utils.translation import gettext_lazy as _

from content.models import Article
from content.pictures import Picture, prepare
from content.sanitise import clean_body, plain_text
from site_config.text import validate_for_xml


class Editor(forms.Textarea):
    """A rich-text editor over a text area of HTML, which also works by itself.

    The editor is django-prose-editor's; static/js/article_editor.js starts it without the inline
    import map that its own widget needs, and that the site's Content-Security-Policy forbids.
    """

    class Media:
        css = {
            "all": (
                "django_prose_editor/material-icons.css",
                "django_prose_editor/editor.css",
                "django_prose_editor/overrides.css",
                "css/article_editor.css",
            )
        }
        js = (Script("js/article_editor.js", type="module"),)

    def __init__(self) -> None:
        super().__init__({"rows": 24, "cols": 90, "data-article-editor": ""})


class ArticleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What a content manager fills in; `picture` is the new picture, if there is one."""

    picture: Picture | None = None

    class Meta:
        model = Article
        fields = (
            "title", "slug", "language", "status", "published_at", "image", "image_alt", "description",
            "body",
        )  # fmt: skip
        widgets = {"body": Editor, "description": forms.Textarea({"rows": 2, "cols": 90})}
        field_classes = {"image": forms.FileField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("title", "description", "image_alt"):  # they stand in feeds, which are XML
            self.fields[name].validators.append(validate_for_xml)

    def clean_body(self) -> str:
        body = clean_body(self.cleaned_data["body"])
        if not plain_text(body):
            raise forms.ValidationError(
                _("Write something: nothing in this text can be shown."), code="empty"
            )
        return body

    def clean_image(self) -> Any:
        upload = self.cleaned_data["image"]
        if isinstance(upload, UploadedFile):
            self.picture = prepare(cast("IO[bytes]", upload))
            return self.instance.image  # the files are stored when the article is saved
        return upload

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        shows = self.picture or cleaned.get("image")
        if shows and not (cleaned.get("image_alt") or "").strip() and "image" not in self.errors:
            self.add_error("image_alt", _("Describe the picture in words."))
        return cleaned
