import json
import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from io import BytesIO

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from content import pictures
from content.models import Article
from content.publishing import delete_article, save_article
from content.sanitise import clean_body, plain_text
from testing.articles import NASTY, ArticleFactory, picture
from testing.pages import flat


def published(title="Hello", **fields) -> Article:
    ready = pictures.prepare(BytesIO(picture()))
    article = Article(
        title=title,
        slug=title.lower(),
        body="<p>Text.</p>",
        status="published",
        image_alt="A teal field",
        **fields,
    )
    return save_article(article, picture=ready)


def test_a_body_keeps_its_words_and_loses_what_could_run():
    assert clean_body(NASTY) == (
        '<h2>Big</h2><p>Hello</p><a rel="noopener">a</a><a href="https://example.com" rel="noopener">b</a>'
    )


@pytest.mark.parametrize("tag", ["h2", "h3", "em", "strong", "code", "blockquote", "sub", "sup", "u", "s"])
def test_what_the_editor_can_make_stays(tag):
    assert clean_body(f"<{tag}>x</{tag}>") == f"<{tag}>x</{tag}>"


def test_plain_text_is_what_a_person_would_read():
    assert (
        plain_text("<h2>One</h2><p>two &amp; <em>three</em></p><ul><li>4 &lt; 5</li></ul>")
        == "One two & three 4 < 5"
    )


@pytest.mark.django_db
class TestArticlePage:
    def test_it_says_what_search_engines_and_networks_ask(self, visitor, settings):
        settings.SITE_URL = "https://mail.example.com"
        article = published(title="Hello", description='With "quotes" & <tags>')
        page = visitor.get(article.get_absolute_url())
        html = page.content.decode()
        assert page.status_code == 200
        assert '<link rel="canonical" href="https://mail.example.com/blog/hello/">' in html
        assert '<meta name="description" content="With &quot;quotes&quot; &amp; &lt;tags&gt;">' in html
        assert f'<meta property="og:image" content="https://mail.example.com{article.image.url}">' in html
        assert '<meta property="og:type" content="article">' in html
        [data] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
        assert "<" not in data
        posting = json.loads(data)
        assert posting["@type"] == "BlogPosting"
        assert posting["headline"] == "Hello"
        assert posting["description"] == 'With "quotes" & <tags>'
        assert posting["mainEntityOfPage"] == "https://mail.example.com/blog/hello/"

    def test_a_title_cannot_end_the_structured_data(self, visitor):
        article = ArticleFactory(title="</script><script>alert(1)</script>")
        html = visitor.get(article.get_absolute_url()).content.decode()
        assert "<script>alert" not in html
        assert "\\u003C/script\\u003E" in html

    def test_its_picture_comes_in_the_size_that_fits(self, visitor):
        article = published()
        html = flat(visitor.get(article.get_absolute_url()))
        [img] = re.findall(r'<img src="/media/blog/[^>]*>', html)
        stem = article.image.url.removesuffix(".jpg")
        assert f'srcset="{stem}-480.webp 480w, {stem}-800.webp 800w"' in img
        assert 'width="800" height="450" alt="A teal field"' in img
        assert 'loading="lazy"' in visitor.get(reverse("blog")).content.decode()

    def test_the_policy_is_as_strict_as_everywhere(self, visitor):
        page = visitor.get(published().get_absolute_url())
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy.split("; ")
        assert "unsafe" not in policy
        inline = re.findall(r"<script(?![^>]*(?:src=|ld\+json))", page.content.decode())
        assert inline == []
        assert " style=" not in page.content.decode()

    @pytest.mark.parametrize(
        "state", [{"status": "draft"}, {"published_at": timezone.now() + timedelta(days=9)}]
    )
    def test_what_is_not_published_is_shown_to_nobody_else(self, visitor, owner, client_of, state):
        article = ArticleFactory(**state)
        assert visitor.get(article.get_absolute_url()).status_code == 404
        assert client_of(owner).get(article.get_absolute_url()).status_code == 404
        for name in ("blog", "sitemap", "home"):
            assert article.slug not in visitor.get(reverse(name)).content.decode()
        assert article.slug not in visitor.get(reverse("blog_rss", args=["en"])).content.decode()

    def test_a_future_article_appears_at_its_time(self, visitor):
        article = ArticleFactory(published_at=timezone.now() + timedelta(hours=2))
        with time_machine.travel(article.published_at - timedelta(seconds=1), tick=False):
            assert visitor.get(article.get_absolute_url()).status_code == 404
        with time_machine.travel(article.published_at, tick=False):
            assert visitor.get(article.get_absolute_url()).status_code == 200
            assert article.slug in visitor.get(reverse("blog")).content.decode()

    def test_related_ones_share_words_and_the_language(self, visitor):
        article = ArticleFactory(title="Greylisting explained", description="What servers answer")
        near = ArticleFactory(title="More about greylisting", description="Servers again")
        others = ArticleFactory.create_batch(5, description="Cakes")
        ArticleFactory(title="Greylisting по-русски", language="ru")
        related = [card.pk for card in visitor.get(article.get_absolute_url()).context["page"].related]
        assert related[0] == near.pk
        assert set(related[1:]) <= {other.pk for other in others}
        assert len(related) == 3

    def test_an_unknown_one_is_a_404(self, visitor):
        assert visitor.get("/blog/no-such-thing/").status_code == 404
        assert visitor.get("/blog/%00/").status_code == 404


@pytest.mark.django_db
class TestList:
    def test_pages_do_not_overlap_and_survive_odd_numbers(self, visitor):
        ArticleFactory.create_batch(30, published_at=timezone.now() - timedelta(days=1))
        seen = [
            card.pk
            for number in (1, 2, 3)
            for card in visitor.get(reverse("blog"), {"page": number}).context["page"].object_list
        ]
        assert len(seen) == len(set(seen)) == 30
        for odd in ("0", "-1", "99", "x", "", "1e9", "' OR 1=1"):
            assert visitor.get(reverse("blog"), {"page": odd}).status_code == 200

    def test_one_language_at_a_time(self, visitor):
        english, russian = ArticleFactory(), ArticleFactory(language="ru")

        def shown(**query) -> set[int]:
            accept = query.pop("accept", "en")
            page = visitor.get(reverse("blog"), query, headers={"Accept-Language": accept})
            return {card.pk for card in page.context["page"].object_list}

        assert shown() == {english.pk}
        assert shown(accept="ru") == {russian.pk}
        assert shown(language="ru") == {russian.pk}
        assert shown(language="all") == {english.pk, russian.pk}
        assert shown(language="<b>") == {english.pk, russian.pk}

    def test_a_language_without_articles_shows_the_others(self, visitor):
        article = ArticleFactory()
        page = visitor.get(reverse("blog"), headers={"Accept-Language": "ru"})
        assert [card.pk for card in page.context["page"].object_list] == [article.pk]

    def test_an_empty_blog_says_so(self, visitor):
        assert "Nothing is published yet" in visitor.get(reverse("blog")).content.decode()


@pytest.mark.django_db
def test_feeds_are_in_their_own_language(visitor):
    ArticleFactory(title="English one", body="<p>&</p>")
    ArticleFactory(title="Русская", language="ru")
    rss = ET.fromstring(visitor.get(reverse("blog_rss", args=["ru"])).content)
    assert [item.findtext("title") for item in rss.iter("item")] == ["Русская"]
    assert rss.findtext("channel/language") == "ru"
    atom = ET.fromstring(visitor.get(reverse("blog_atom", args=["en"])).content)
    space = "{http://www.w3.org/2005/Atom}"
    assert [entry.findtext(f"{space}title") for entry in atom.iter(f"{space}entry")] == ["English one"]
    assert visitor.get("/blog/feed/xx.rss").status_code == 404


@pytest.mark.django_db
def test_search_engines_find_every_page(visitor):
    article = ArticleFactory()

    def addresses(url: str) -> list[str]:
        return re.findall(r"<loc>http://testserver(.*?)</loc>", visitor.get(url).content.decode())

    parts = addresses("/sitemap.xml")
    assert parts == ["/sitemap-pages.xml", "/sitemap-articles.xml"]
    assert [addresses(part) for part in parts] == [["/", "/blog/"], [article.get_absolute_url()]]
    assert "Sitemap: http://testserver/sitemap.xml" in visitor.get("/robots.txt").content.decode()


@pytest.mark.django_db
def test_only_the_blogs_pictures_are_served(visitor, settings):
    article = published()
    page = visitor.get(article.image.url)
    assert page.headers["Content-Type"] == "image/jpeg"
    assert page.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    b"".join(page.streaming_content)
    (settings.MEDIA_ROOT / "secret.txt").write_text("secret")
    for path in (
        "secret.txt",
        "blog/../secret.txt",
        "../db.sqlite3",
        "blog/",
        "blog/0000.jpg",
        "blog/%2e%2e/x.jpg",
    ):
        assert visitor.get(f"/media/{path}").status_code == 404


@pytest.mark.django_db
class TestSaving:
    def test_the_body_is_sanitised_and_the_description_is_found(self):
        article = save_article(Article(title="Nasty", slug="nasty", body=NASTY))
        assert "script" not in Article.objects.get(pk=article.pk).body
        assert article.description == "Big Hello ab"

    def test_a_new_picture_replaces_the_files_of_the_old_one(self, commit, settings):
        article = published()
        with commit():
            save_article(article, picture=pictures.prepare(BytesIO(picture(color="red"))))
        assert {path.name[:20] for path in (settings.MEDIA_ROOT / "blog").iterdir()} == {
            article.image.name[5:25]
        }

    def test_a_picture_that_another_article_shows_stays(self, commit, settings):
        one, two = published(), published(title="Two")
        assert one.image.name == two.image.name
        with commit():
            delete_article(one)
        assert len(list((settings.MEDIA_ROOT / "blog").iterdir())) == 3
        with commit():
            delete_article(two)
        assert list((settings.MEDIA_ROOT / "blog").iterdir()) == []

    def test_a_picture_without_words_is_refused_by_the_database(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            ArticleFactory(image="blog/x.jpg", image_width=1, image_height=1)

    def test_one_address_is_one_article(self):
        ArticleFactory(slug="same")
        with pytest.raises(IntegrityError), transaction.atomic():
            ArticleFactory(slug="same")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/blog/",
        "/blog/x/",
        "/blog/feed/en.rss",
        "/blog/feed/en.atom",
        "/sitemap.xml",
        "/robots.txt",
        "/media/x",
    ],
)
def test_public_pages_are_only_read(visitor, url):
    assert visitor.post(url).status_code == 405
