import logging
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from content import cache as content_cache
from content.cache import remember
from content.models import Article
from content.publishing import delete_article, save_article
from testing.articles import ArticleFactory
from testing.factories import MailingFactory

pytestmark = pytest.mark.everywhere
REDIS_AWAY = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}


@pytest.fixture
def articles(db):
    return ArticleFactory.create_batch(5)


def queries_of(visitor, url, django_assert_num_queries, **headers) -> None:
    visitor.get(url, headers=headers)
    with django_assert_num_queries(0):
        assert visitor.get(url, headers=headers).status_code == 200


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_warm_page_asks_the_database_nothing(visitor, articles, django_assert_num_queries, language):
    for url in (reverse("home"), articles[0].get_absolute_url(), reverse("blog")):
        queries_of(visitor, url, django_assert_num_queries, **{"Accept-Language": language})


def test_a_warm_article_asks_nothing_of_the_next_visitor_either(
    visitor, articles, client, django_assert_num_queries
):
    visitor.get(articles[0].get_absolute_url())
    with django_assert_num_queries(0):
        client.get(articles[0].get_absolute_url(), headers={"User-Agent": "Mozilla/5.0 another"})


def test_a_cold_page_asks_the_same_with_1_and_with_30_articles(
    visitor, articles, django_assert_max_num_queries, django_assert_num_queries
):
    with django_assert_max_num_queries(10) as few:
        visitor.get(reverse("home"))
        visitor.get(reverse("blog"))
    ArticleFactory.create_batch(30)
    cache.clear()
    with django_assert_num_queries(len(few)):
        visitor.get(reverse("home"))
        visitor.get(reverse("blog"))


def test_a_change_is_on_the_page_at_once(visitor, articles, commit):
    url = articles[0].get_absolute_url()
    visitor.get(url)
    visitor.get(reverse("blog"))
    articles[0].title = "Quite another title"
    with commit():
        save_article(articles[0])
    assert "Quite another title" in visitor.get(url).content.decode()
    assert "Quite another title" in visitor.get(reverse("blog")).content.decode()


def test_what_is_withdrawn_or_deleted_is_gone_at_once(visitor, articles, commit):
    urls = [article.get_absolute_url() for article in articles[:2]]
    assert [visitor.get(url).status_code for url in urls] == [200, 200]
    articles[0].status = Article.Status.DRAFT
    with commit():
        save_article(articles[0])
        delete_article(articles[1])
    assert [visitor.get(url).status_code for url in urls] == [404, 404]
    shown = {card.pk for card in visitor.get(reverse("blog")).context["page"].object_list}
    assert shown == {article.pk for article in articles[2:]}


def test_the_figures_are_at_most_a_minute_old(visitor, db):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        assert visitor.get("/").context["figures"].mailings == 0
        MailingFactory()
        assert visitor.get("/").context["figures"].mailings == 0
    with time_machine.travel(now + timedelta(seconds=61), tick=False):
        assert visitor.get("/").context["figures"].mailings == 1


def test_random_articles_differ_from_call_to_call(visitor, db):
    ArticleFactory.create_batch(30)
    seen = {card.pk for _ in range(30) for card in visitor.get("/").context["articles"]}
    assert len(seen) > 15


def test_one_makes_what_is_out_of_date_and_the_others_do_not_wait():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert remember("slow", lambda: "old", seconds=10) == "old"
        clock.shift(11)
        making, go_on, results = threading.Event(), threading.Event(), []

        def make() -> str:
            making.set()
            assert go_on.wait(10)
            return "new"

        worker = threading.Thread(target=lambda: results.append(remember("slow", make, seconds=10)))
        worker.start()
        assert making.wait(10)
        assert remember("slow", lambda: pytest.fail("made twice"), seconds=10) == "old"
        go_on.set()
        worker.join()
        assert results == ["new"]
        assert remember("slow", lambda: pytest.fail("made twice"), seconds=10) == "new"


def test_the_first_makes_what_is_not_there_yet_and_the_others_wait_for_it():
    making, go_on, results = threading.Event(), threading.Event(), []

    def make() -> str:
        making.set()
        assert go_on.wait(10)
        return "made"

    def other() -> None:
        results.append(remember("cold", lambda: pytest.fail("made twice"), seconds=10))

    first = threading.Thread(target=lambda: results.append(remember("cold", make, seconds=10)))
    first.start()
    assert making.wait(10)
    others = [threading.Thread(target=other) for _ in range(3)]
    for thread in others:
        thread.start()
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert results == ["made"] * 4


def test_who_waits_too_long_makes_it_alone(monkeypatch):
    monkeypatch.setattr(content_cache, "WAIT_SECONDS", 0.1)
    cache.add(f"content:{content_cache.VERSION}:slow:lock", 1, 30)
    assert remember("slow", lambda: "mine", seconds=10) == "mine"
    assert cache.get(f"content:{content_cache.VERSION}:slow:lock") == 1


def test_what_goes_wrong_is_not_kept_and_holds_nobody_up():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        remember("fragile", lambda: "old", seconds=10)
        clock.shift(11)
        with pytest.raises(ZeroDivisionError):
            remember("fragile", lambda: 1 / 0, seconds=10)
        assert remember("fragile", lambda: "new", seconds=10) == "new"


def test_nothing_is_a_value_too():
    assert remember("nothing", list, seconds=10) == []
    assert remember("nothing", lambda: pytest.fail("made twice"), seconds=10) == []


def test_without_the_cache_pages_are_slower_and_right(visitor, articles, caplog):
    with override_settings(CACHES=REDIS_AWAY), caplog.at_level(logging.WARNING, "content.cache"):
        for url in ("/", reverse("blog"), articles[0].get_absolute_url()):
            assert visitor.get(url).status_code == 200
        articles[0].title = "Changed meanwhile"
        articles[0].save()
        assert "Changed meanwhile" in visitor.get(articles[0].get_absolute_url()).content.decode()
    # One attempt and one line; then the cache is left alone for a while.
    assert len([record for record in caplog.records if record.name == "content.cache"]) == 1
