"""What is large is counted, listed and deleted without anybody waiting for it."""

import pytest
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse

from mailer import mailings, tasks
from mailer.audience import audience_of_mailing, measure, sizes_of
from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Suppression
from mailer.reporting import unique_clients
from mailer.sending import leftovers
from people.accounts import delete_account
from people.models import User
from site_config.shutdown import STOPPING
from site_config.ui import counting
from site_config.ui.counting import UpTo
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    UserFactory,
)
from testing.pages import REGION, flat, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def limit(monkeypatch):
    """Lists count up to five."""
    monkeypatch.setattr(counting, "LIMIT", 5)
    for module in ("mailer.audience", "mailer.mailings", "mailer.models.delivery", "mailer.views.mailings"):
        monkeypatch.setattr(f"{module}.LIMIT", 5)


# Lists


@pytest.mark.parametrize(
    ("number", "page", "rows", "text"),
    [
        (5, 1, 5, "1–5 of 5"),
        (6, 1, 5, "1–5 of more than 5"),
        (6, 20_000, 5, "1–5 of more than 5"),
        (9, "last", 5, "1–5 of more than 5"),
    ],
)
def test_a_list_ends_where_it_is_not_counted(number, page, rows, text, limit, owner, client_of):
    ClientFactory.create_batch(number, owner=owner)
    answer = client_of(owner).get(f"{reverse('clients')}?page={page}")
    html = answer.content.decode()
    assert len(shown(answer)) == rows
    assert text in html
    assert ("The list ends here." in html) == (number > 5)


def test_a_large_number_is_written_in_the_reader_s_language(limit, owner, client_of):
    ClientFactory.create_batch(6, owner=owner)
    owner.language = "ru"
    owner.save()
    html = client_of(owner).get(reverse("clients")).content.decode()
    assert "1–5 из более 5" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=vanov", ["ivan", "anna"]),  # Ivanov, and anna@ivanov.example
        ("q=iv", ["ivan"]),
        ("q=va", []),
        ("q=an", ["anna"]),
        ("q=МАР", ["maria"]),
        ("q=ма", ["maria"]),
        ("q=сид", ["maria"]),
        ("q=си", ["maria"]),
        ("q=ид", []),
    ],
)
def test_one_or_two_letters_are_found_where_words_begin(query, found, owner, client_of):
    ClientFactory(owner=owner, email="anna@ivanov.example", full_name="Smith")
    ClientFactory(owner=owner, email="ivan@example.org", full_name="Ivan Ivanov")
    ClientFactory(owner=owner, email="maria@example.org", full_name="Мария Сидорова")
    answer = client_of(owner).get(f"{reverse('clients')}?{query}")
    assert {client.email.partition("@")[0] for client in shown(answer)} == set(found)


@pytest.mark.parametrize(
    ("query", "found"),
    [("yes", ["a", "b"]), ("no", ["c"]), ("unsubscribed", ["a"]), ("bounced", ["b"]), ("complained", [])],
)
def test_the_stop_list_is_filtered_by_with_its_reasons(query, found, owner, client_of):
    for name in "abc":
        ClientFactory(owner=owner, email=f"{name}@example.org")
    Suppression.objects.create(owner=owner, email="A@example.org", reason="unsubscribed")
    Suppression.objects.create(owner=owner, email="b@example.org", reason="bounced")
    Suppression.objects.create(owner=UserFactory(), email="c@example.org", reason="complained")
    answer = client_of(owner).get(f"{reverse('clients')}?suppressed={query}")
    assert sorted(client.email[0] for client in shown(answer)) == found


@pytest.fixture
def large(limit, owner):
    """A run to six clients, which is more than a list counts."""
    attempt = AttemptFactory(mailing=MailingFactory(message__owner=owner), total=7)
    for name in ("anna", "boris", "carla", "dora", "emma", "fred"):
        client = ClientFactory(owner=owner, email=f"{name}@example.org", full_name=f"{name.title()} Jones")
        DeliveryFactory(attempt=attempt, client=client)
    gone = DeliveryFactory(attempt=attempt, client__owner=owner, client__email="gone@example.org")
    gone.client.delete()
    return attempt


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("anna", ["anna"]),
        ("GONE", ["gone"]),
        ("nobody", []),
        ("jones", ["anna", "boris", "carla", "dora", "emma", "fred"]),  # too many clients: the ledger itself
    ],
)
def test_the_deliveries_of_a_large_run_are_found_through_its_clients(text, found, large, owner, client_of):
    ClientFactory(owner=UserFactory(), email="anna@example.org")
    DeliveryFactory(
        attempt=AttemptFactory(mailing=large.mailing),
        client=Client.objects.get(owner=owner, email__startswith="anna"),
    )
    answer = client_of(owner).get(f"/reports/{large.pk}/?q={text}")
    assert [delivery.email.partition("@")[0] for delivery in shown(answer)] == found


# Audiences


def test_an_audience_is_counted_as_far_as_a_list(limit, owner):
    small, large = ClientGroupFactory(owner=owner), ClientGroupFactory(owner=owner)
    clients = ClientFactory.create_batch(7, owner=owner)
    small.clients.set(clients[:3])
    large.clients.set(clients)
    foreign = ClientGroupFactory()
    foreign.clients.add(ClientFactory())
    Suppression.objects.create(owner=owner, email=clients[0].email, reason="bounced")

    def reach(single, *groups):
        found = measure(owner=owner, clients=[c.pk for c in single], groups=[g.pk for g in groups])
        return int(found.total), found.total.more, found.suppressed, int(found.mailable)

    assert reach([]) == (0, False, 0, 0)
    assert reach([], small) == (3, False, 1, 2)
    assert reach(clients[2:5], small, foreign) == (5, False, 1, 4)
    assert reach(clients[2:], small) == (5, True, 1, 5)
    assert reach(clients[:1], small, large) == (5, True, 0, 5)


def test_the_pages_of_a_mailing_say_that_they_did_not_count_on(limit, owner, client_of):
    group = ClientGroupFactory(owner=owner)
    group.clients.set(ClientFactory.create_batch(6, owner=owner))
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    mailing.groups.add(group)
    mailing.clients.add(group.clients.first())
    assert sizes_of([mailing.pk])[mailing.pk].more
    assert audience_of_mailing(mailing).total.more
    browser = client_of(owner)
    for url, text in (
        (f"/mailings/{mailing.pk}/", "more than 5 addresses"),
        (
            f"/mailings/{mailing.pk}/edit/",
            "It reaches more than 5 addresses right now; clients on the stop-list",
        ),
        (f"/mailings/{mailing.pk}/run/", "to more than 5 recipients now"),
        ("/groups/", "more than 5"),
    ):
        assert text in flat(browser.get(url))


def test_a_poll_keeps_the_number_that_the_page_was_opened_with(owner, client_of, django_assert_num_queries):
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    browser = client_of(owner)
    url = f"/mailings/{mailing.pk}/"
    assert '<span id="audience">0 addresses</span>' in flat(browser.get(url))
    poll = {"HX-Request": "true", "HX-Target": "table-poll", "X-Seen": "an older state;"}
    for headers in (REGION, poll):
        assert '<span id="audience" hx-preserve></span>' in flat(browser.get(url, headers=headers))
    AttemptFactory(mailing=mailing, status="running", finished_at=None, total=9)
    for headers in (REGION, poll):
        assert '<span id="audience">9 addresses</span>' in flat(browser.get(url, headers=headers))


# Deletions


def rows_left():
    return Delivery.objects.count(), Client.objects.count()


def test_a_large_ledger_goes_in_the_background(
    limit, owner, client_of, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(leftovers, "BATCH", 2)
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    attempt = AttemptFactory(mailing=mailing, total=6)
    other = DeliveryFactory()
    DeliveryFactory.create_batch(6, attempt=attempt)
    page = client_of(owner).get(f"/mailings/{mailing.pk}/delete/").content.decode()
    assert "Deleting this much takes a few more minutes." in page
    with django_capture_on_commit_callbacks() as later:
        mailings.delete(mailing)
    assert not Mailing.objects.filter(pk=mailing.pk).exists()
    assert not Attempt.objects.filter(pk=attempt.pk).exists()
    assert Delivery.objects.count() == 7
    for callback in later:
        callback()
    assert list(Delivery.objects.all()) == [other]


def test_a_small_ledger_goes_at_once(owner, django_capture_on_commit_callbacks):
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    DeliveryFactory.create_batch(3, attempt=AttemptFactory(mailing=mailing, total=3))
    with django_capture_on_commit_callbacks() as later:
        mailings.delete(mailing)
    assert not Delivery.objects.exists()
    assert later == []


def test_what_a_crash_leaves_behind_is_found_again(owner, monkeypatch):
    monkeypatch.setattr(leftovers, "BATCH", 2)
    kept = DeliveryFactory()
    gone = AttemptFactory(mailing__message__owner=owner)
    DeliveryFactory.create_batch(5, attempt=gone)
    Attempt.objects.filter(pk=gone.pk).delete()
    STOPPING.set()
    assert leftovers.remove() in (2, 5)
    STOPPING.clear()
    tasks.look_for_leftovers.call_local()
    assert list(Delivery.objects.all()) == [kept]
    assert leftovers.remove() == 0


def test_an_account_goes_before_its_many_clients(
    limit, owner, superuser, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(leftovers, "BATCH", 2)
    group = ClientGroupFactory(owner=owner)
    clients = ClientFactory.create_batch(6, owner=owner)
    group.clients.set(clients)
    attempt = AttemptFactory(mailing=MailingFactory(message__owner=owner), total=6)
    for client in clients:
        DeliveryFactory(attempt=attempt, client=client)
    stays = ClientFactory()
    with django_capture_on_commit_callbacks() as later:
        delete_account(user=owner, by=superuser)
    assert not User.objects.filter(pk=owner.pk).exists()
    members = ClientGroup.clients.through.objects
    assert members.filter(clientgroup=group.pk).count() == 6
    assert rows_left() == (6, 7)
    for callback in later:
        callback()
    assert not ClientGroup.objects.filter(pk=group.pk).exists()
    assert not members.exists()
    assert list(Client.objects.all()) == [stays]
    assert rows_left() == (0, 1)


# The home page


def test_very_many_clients_are_counted_by_the_consumer(limit, client_of):
    cache.delete(unique_clients.KEY)
    ClientFactory.create_batch(4)
    ClientFactory(email="TWICE@example.org")
    ClientFactory(email="twice@example.org")
    assert unique_clients.unique_clients().shown == "more than 5"
    tasks.count_clients.call_local()
    assert unique_clients.unique_clients() == 5
    assert not unique_clients.unique_clients().more
    cache.delete(unique_clients.KEY)


def test_few_clients_are_counted_at_once():
    ClientFactory(email="TWICE@example.org")
    ClientFactory(email="twice@example.org")
    assert unique_clients.unique_clients() == UpTo(1)


def test_without_the_cache_the_home_page_says_more_than(limit):
    away = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    ClientFactory.create_batch(6)
    with override_settings(CACHES=away):
        assert unique_clients.unique_clients().shown == "more than 5"
