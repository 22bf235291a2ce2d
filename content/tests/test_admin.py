import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from content.models import Article
from people.models import User
from testing.articles import NASTY, SVG, ArticleFactory, picture
from testing.factories import UserFactory

CHANGELIST = "/admin/content/article/"


@pytest.fixture
def editor(db) -> User:
    user = UserFactory(email="editor@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="content"))
    return user


@pytest.fixture
def browser(editor, client_of) -> Browser:
    return client_of(editor)


def form(**changed) -> dict:
    return {
        "title": "A new article",
        "slug": "a-new-article",
        "language": "en",
        "status": "published",
        "published_at_0": "2026-01-02",
        "published_at_1": "03:04:00",
        "image_alt": "",
        "description": "",
        "body": "<p>Some words.</p>",
        **changed,
    }


def upload(content: bytes, name="picture.png", kind="image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def errors(page) -> dict[str, list[str]]:
    assert page.status_code == 200
    return page.context["adminform"].form.errors


def test_a_content_manager_sees_nothing_but_the_blog(db, client_of):
    call_command("loaddata", "groups", "users", verbosity=0)
    browser = client_of(User.objects.get(email="editor@example.com"))
    index = browser.get("/admin/").content.decode()
    assert set(re.findall(r'href="/admin/([a-z]+/[a-z]+)/"', index)) == {"content/article"}
    others = re.findall(r"/admin/(people|mailer|auth|account)/", index)
    assert others == []
    for path in ("/admin/people/user/", "/admin/auth/group/", "/admin/mailer/mailing/"):
        assert browser.get(path).status_code in (403, 404)


@pytest.mark.parametrize("path", ["", "add/", "preview/"])
def test_nobody_else_gets_in(path, owner, client_of, client):
    for browser in (client_of(owner), client):
        page = browser.post(CHANGELIST + path)
        assert page.status_code == 302
        assert "/login/" in page.headers["Location"]
    staff = client_of(UserFactory(is_staff=True))
    assert staff.post(CHANGELIST + path).status_code == 403


def test_an_article_is_saved_clean_with_its_picture_in_all_sizes(browser, settings):
    page = browser.post(
        CHANGELIST + "add/",
        form(body=NASTY.strip("\x00"), image=upload(picture((1600, 900))), image_alt="A teal field"),
    )
    assert page.status_code == 302
    article = Article.objects.get()
    assert "script" not in article.body
    assert (article.image_width, article.image_height) == (1200, 675)
    assert len(list((Path(settings.MEDIA_ROOT) / "blog").iterdir())) == 4
    edited = browser.post(
        f"{CHANGELIST}{article.pk}/change/", form(title="Edited title", image_alt="Still a teal field")
    )
    assert edited.status_code == 302
    article.refresh_from_db()
    assert (article.title, article.image_width) == ("Edited title", 1200)


def test_a_picture_can_be_taken_away(browser, commit, settings):
    browser.post(CHANGELIST + "add/", form(image=upload(picture()), image_alt="A field"))
    article = Article.objects.get()
    with commit():
        browser.post(f"{CHANGELIST}{article.pk}/change/", form(image_alt="", **{"image-clear": "on"}))
    article.refresh_from_db()
    assert (article.image.name, article.image_width) == ("", None)
    assert list((Path(settings.MEDIA_ROOT) / "blog").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (SVG, "drawing.svg"),
        (SVG, "drawing.png"),
        (b"MZ\x90\x00" + b"\0" * 200, "photo.jpg"),
        (b"not a picture", "photo.jpg"),
        (picture((100, 100)), "small.png"),
        (picture((6000, 5000), mode="L", color=0), "huge.png"),
    ],
)
def test_a_bad_picture_is_refused_and_nothing_is_written(browser, settings, content, name):
    page = browser.post(CHANGELIST + "add/", form(image=upload(content, name), image_alt="x"))
    assert list(errors(page)) == ["image"]
    assert Article.objects.count() == 0
    assert not Path(settings.MEDIA_ROOT).exists()


@pytest.mark.parametrize("alt", ["", "   "])
def test_a_picture_needs_words(browser, alt):
    page = browser.post(CHANGELIST + "add/", form(image=upload(picture()), image_alt=alt))
    assert errors(page) == {"image_alt": ["Describe the picture in words."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 151),
        ("slug", ""),
        ("slug", "has space"),
        ("slug", "../../etc"),
        ("slug", "кириллица"),
        ("language", "xx"),
        ("status", "gone"),
        ("published_at_0", "soon"),
        ("body", ""),
        ("body", "<script>alert(1)</script>"),
        ("body", "<p>" + "x" * 200_001 + "</p>"),
        ("body", "nul \x00"),
        ("description", "x" * 301),
    ],
)
def test_bad_input_is_named_at_its_field(browser, field, value):
    page = browser.post(CHANGELIST + "add/", form(**{field: value}))
    assert list(errors(page)) == [field.removesuffix("_0")]
    assert Article.objects.count() == 0


def test_a_second_article_of_the_same_address_is_refused(browser):
    ArticleFactory(slug="a-new-article")
    page = browser.post(CHANGELIST + "add/", form())
    assert errors(page) == {"slug": ["Another article already has this address."]}


def test_the_same_form_twice_is_one_article(browser):
    for _ in range(2):
        browser.post(CHANGELIST + "add/", form())
    assert Article.objects.count() == 1


def test_a_date_in_the_future_waits(browser, visitor):
    browser.post(CHANGELIST + "add/", form(published_at_0="2999-01-01"))
    article = Article.objects.get()
    assert visitor.get(article.get_absolute_url()).status_code == 404
    assert browser.get(article.get_absolute_url()).status_code == 200
    assert "Only you see this" in browser.get(article.get_absolute_url()).content.decode()


def test_dates_are_read_in_the_editors_zone(browser):
    browser.post(CHANGELIST + "add/", form())
    assert Article.objects.get().published_at == datetime.fromisoformat("2026-01-02T00:04Z")


def test_views_cannot_be_written(browser):
    browser.post(CHANGELIST + "add/", form(views="1000"))
    assert Article.objects.get().views == 0


def test_a_preview_shows_the_form_and_saves_nothing(browser, settings):
    article = ArticleFactory(status="draft")
    address = reverse("admin:content_article_preview")
    page = browser.post(
        f"{address}?article={article.pk}",
        form(title="Not saved yet", body=NASTY.strip("\x00"), image=upload(picture()), image_alt="A field"),
    )
    html = page.content.decode()
    assert page.status_code == 200
    assert "<h1>Not saved yet</h1>" in html
    assert "alert(1)" not in html
    assert 'src="data:image/jpeg;base64,' in html
    assert not Path(settings.MEDIA_ROOT).exists()
    article.refresh_from_db()
    assert article.title != "Not saved yet"
    assert browser.post(address, form()).status_code == 200
    assert Article.objects.count() == 1


def test_a_preview_of_what_cannot_be_saved_says_why(browser):
    page = browser.post(
        reverse("admin:content_article_preview") + "?article=x", form(title="", image=upload(SVG))
    )
    assert page.status_code == 422
    assert "This field is required." in page.content.decode()
    assert browser.get(reverse("admin:content_article_preview")).status_code == 405


def test_the_list_finds_filters_and_shows_pictures(browser, django_assert_max_num_queries):
    ArticleFactory(title="Findable", language="ru")
    ArticleFactory(status="draft")
    ArticleFactory(published_at=timezone.now() + timedelta(days=1))
    browser.post(CHANGELIST + "add/", form(image=upload(picture()), image_alt="A field"))

    def found(**query) -> int:
        return browser.get(CHANGELIST, query).context["cl"].result_count

    assert found() == 4
    assert found(q="findable") == 1
    assert (found(shown="yes"), found(shown="later"), found(shown="draft")) == (2, 1, 1)
    assert found(language__exact="ru") == 1
    assert found(published_at__year="2026", published_at__month="1") == 1
    assert 'alt="A field"' in browser.get(CHANGELIST).content.decode()
    ArticleFactory.create_batch(30)
    with django_assert_max_num_queries(12):
        browser.get(CHANGELIST)


def test_the_editor_needs_no_inline_script(browser):
    page = browser.get(CHANGELIST + "add/")
    html = page.content.decode()
    assert 'type="module"' in html
    assert "importmap" not in html
    assert "data-article-editor" in html
    assert page.headers["Content-Security-Policy"].count("unsafe") == 0


@pytest.mark.parametrize(("language", "word"), [("en", "Insert a table"), ("ru", "Вставить таблицу")])
def test_the_editor_speaks_its_authors_language(browser, language, word):
    html = browser.get(CHANGELIST + "add/", headers={"Accept-Language": language}).content.decode()
    assert f'<span data-word="Insert table">{word}</span>' in html
    # Its words are there before it asks for them: scripts that wait run in this order.
    assert 0 < html.index("js/editor_words.js") < html.index("js/article_editor.js")


def test_deleting_in_bulk_takes_the_pictures_along(browser, commit, settings):
    browser.post(CHANGELIST + "add/", form(image=upload(picture()), image_alt="A field"))
    article = Article.objects.get()
    with commit():
        browser.post(
            CHANGELIST, {"action": "delete_selected", "_selected_action": [article.pk], "post": "yes"}
        )
    assert Article.objects.count() == 0
    assert list((Path(settings.MEDIA_ROOT) / "blog").iterdir()) == []
