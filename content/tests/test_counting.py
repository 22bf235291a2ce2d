from threading import Thread, Timer

import pytest
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory

from content import counting
from content.models import Article
from content.publishing import save_article
from testing.articles import PERSON, ArticleFactory

MACHINES = (
    "",
    "curl/8.9",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "facebookexternalhit/1.1",
    "TelegramBot (like TwitterBot)",
    "python-requests/2.32",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0",
)
PEOPLE = (
    PERSON,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0",
)


@pytest.fixture
def article(db):
    return ArticleFactory()


def views(article: Article) -> int:
    counting.write()
    return Article.objects.get(pk=article.pk).views


def test_a_view_counts_once_per_visitor_and_article(article, visitor):
    other = ArticleFactory()
    for _ in range(3):
        visitor.get(article.get_absolute_url())
    visitor.get(other.get_absolute_url())
    Browser(headers={"User-Agent": PERSON}).get(article.get_absolute_url())
    assert views(article) == 2
    assert views(other) == 1


def test_the_cookie_says_only_that_this_page_was_read(article, visitor):
    cookie = visitor.get(article.get_absolute_url()).cookies[f"read_{article.pk}"]
    assert (cookie.value, cookie["path"], cookie["max-age"]) == ("1", article.get_absolute_url(), 21_600)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("agent", MACHINES)
def test_machines_do_not_count(article, agent):
    Browser(headers={"User-Agent": agent} if agent else {}).get(article.get_absolute_url())
    assert views(article) == 0


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_count(article, agent):
    Browser(headers={"User-Agent": agent}).get(article.get_absolute_url())
    assert views(article) == 1


def test_what_is_fetched_ahead_or_only_asked_about_does_not_count(article, visitor):
    visitor.get(article.get_absolute_url(), headers={"Sec-Purpose": "prefetch;prerender"})
    visitor.head(article.get_absolute_url())
    assert views(article) == 0


def test_a_preview_does_not_count(admin_client, db):
    draft = ArticleFactory(status="draft")
    assert admin_client.get(draft.get_absolute_url(), headers={"User-Agent": PERSON}).status_code == 200
    assert views(draft) == 0


def test_a_page_writes_nothing_to_the_database(article, visitor, django_assert_num_queries):
    visitor.get(article.get_absolute_url())
    with django_assert_num_queries(0):
        Browser(headers={"User-Agent": PERSON}).get(article.get_absolute_url())


def test_the_thread_writes_what_was_counted(article, visitor, monkeypatch):
    timers = []

    class Kept(Timer):
        """Not started; a timer of another part of the service is none of these."""

        def start(self):
            timers.append(self)

    monkeypatch.setattr(counting, "Timer", Kept)
    for browser in (visitor, Browser(headers={"User-Agent": PERSON})):
        browser.get(article.get_absolute_url())
    assert [(timer.interval, timer.function, timer.daemon) for timer in timers] == [
        (counting.WRITE_AFTER_SECONDS, counting._write_in_thread, True)
    ]
    assert views(article) == 2
    Browser(headers={"User-Agent": PERSON}).get(article.get_absolute_url())
    assert len(timers) == 2


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_by_a_connection_of_its_own():
    article = ArticleFactory()
    counting._views[article.pk] = 3
    thread = Thread(target=counting._write_in_thread)
    thread.start()
    thread.join()
    assert Article.objects.get(pk=article.pk).views == 3


def test_eight_readers_at_once_are_eight_thousand_views(article):
    request = RequestFactory(headers={"User-Agent": PERSON}).get("/")

    def read() -> None:
        for _ in range(1_000):
            counting.count_view(request, HttpResponse(), article_id=article.pk)

    readers = [Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert views(article) == 8_000


def away(*_args, **_values):
    raise OperationalError("away")


def test_while_the_database_is_away_pages_are_shown_and_the_log_says_what_is_lost(
    article, visitor, monkeypatch, caplog
):
    visitor.get(article.get_absolute_url())
    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "update", away)
        counting.write()
    assert caplog.messages == [f"Views of articles could not be written: {{{article.pk}: 1}}"]
    assert views(article) == 0


def test_views_of_a_deleted_article_are_let_go(article, visitor):
    visitor.get(article.get_absolute_url())
    other = ArticleFactory()
    Browser(headers={"User-Agent": PERSON}).get(other.get_absolute_url())
    article.delete()
    assert views(other) == 1


@pytest.mark.django_db
def test_views_counted_while_an_article_is_edited_stay():
    article = ArticleFactory(views=3)
    Article.objects.filter(pk=article.pk).update(views=10)
    article.title = "New title"
    save_article(article)
    article.refresh_from_db()
    assert (article.title, article.views) == ("New title", 10)
