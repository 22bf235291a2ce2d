import threading
from collections import Counter

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError
from django.test import Client as Browser

from content import counting, tasks
from content.models import Article
from content.publishing import save_article
from content.tests.conftest import PERSON
from content.tests.factories import ArticleFactory

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
    counting.flush()
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


def test_the_page_is_shown_even_if_nothing_can_be_counted(article, visitor, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    page = visitor.get(article.get_absolute_url())
    assert page.status_code == 200
    assert page.cookies.get(f"read_{article.pk}") is None


def test_the_task_flushes(article, visitor):
    visitor.get(article.get_absolute_url())
    tasks.flush_views()
    assert Article.objects.get(pk=article.pk).views == 1


def exact_under_load(article: Article, make) -> None:
    """Eight writers and a taker at once; not one view is lost or added twice."""
    taken: Counter[int] = Counter()
    batches: set[str] = set()
    running = threading.Event()

    def write() -> None:
        own = make()
        for _ in range(250):
            own.add(article.pk)

    def take() -> None:
        own = make()
        for batch, counts in own.take().items():
            if batch not in batches:
                batches.add(batch)
                taken.update(counts)
            own.done(batch)

    def keep_taking() -> None:
        while not running.is_set():
            take()

    taker = threading.Thread(target=keep_taking)
    writers = [threading.Thread(target=write) for _ in range(8)]
    for thread in (taker, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    running.set()
    taker.join()
    take()
    assert taken == {article.pk: 2000}


def test_no_view_is_lost_in_the_file(article, tmp_path):
    exact_under_load(article, lambda: counting.FileBuffer(tmp_path))


@pytest.mark.services
@pytest.mark.skipif(not django_settings.REDIS_URL, reason="needs REDIS_URL")
def test_no_view_is_lost_in_redis(article):
    exact_under_load(article, lambda: counting.RedisBuffer(django_settings.REDIS_URL, "tests"))


def test_a_crash_before_the_commit_loses_nothing(article, visitor, monkeypatch):
    visitor.get(article.get_absolute_url())
    real = counting._add

    def crash(batch: str, counts: Counter[int]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(counting, "_add", crash)
    with pytest.raises(KeyboardInterrupt):
        counting.flush()
    monkeypatch.setattr(counting, "_add", real)
    assert views(article) == 1


def test_a_crash_after_the_commit_adds_nothing_twice(article, visitor, monkeypatch):
    visitor.get(article.get_absolute_url())
    kind = type(counting.buffer())
    with monkeypatch.context() as patch:
        patch.setattr(kind, "done", lambda self, batch: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            counting.flush()
    assert Article.objects.get(pk=article.pk).views == 1
    assert views(article) == 1
    assert views(article) == 1


def test_views_of_a_deleted_article_are_let_go(article, visitor):
    visitor.get(article.get_absolute_url())
    article.delete()
    counting.flush()
    assert counting.flush() == 0


def test_a_batch_has_one_name(db):
    counting.CountedBatch.objects.create(name="a")
    with pytest.raises(IntegrityError):
        counting.CountedBatch.objects.create(name="a")


@pytest.mark.django_db
def test_views_counted_while_an_article_is_edited_stay():
    article = ArticleFactory(views=3)
    Article.objects.filter(pk=article.pk).update(views=10)
    article.title = "New title"
    save_article(article)
    article.refresh_from_db()
    assert (article.title, article.views) == ("New title", 10)
