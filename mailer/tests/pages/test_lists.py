"""Lists: filter, sort, pages and fragments; their cost does not grow with their rows."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.models import Attempt, ClientGroup, Suppression
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)
from testing.pages import REGION, flat, shown


@pytest.fixture
def group(owner):
    return ClientGroupFactory(owner=owner, name="Readers")


def make_client(owner, group):
    client = ClientFactory(owner=owner)
    client.groups.set([*ClientGroup.objects.filter(owner=owner)])
    Suppression.objects.create(owner=owner, email=client.email, reason="bounced")


def make_group(owner, group):
    ClientGroupFactory(owner=owner).clients.set([ClientFactory(owner=owner), ClientFactory(owner=owner)])


def make_mailing(owner, group):
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    AttemptFactory(mailing=mailing)
    AttemptFactory(mailing=mailing, status="running", finished_at=None)


def make_attempt(owner, group):
    AttemptFactory(mailing=MailingFactory(message=MessageFactory(owner=owner)), answers={"250 Ok": 1})


def make_run(owner, group):
    mailing = owner.mailings.first() or MailingFactory(message=MessageFactory(owner=owner))
    AttemptFactory(mailing=mailing, answers={"250 Ok": 1})


def make_delivery(owner, group):
    attempt = Attempt.objects.first() or AttemptFactory(
        mailing=MailingFactory(message=MessageFactory(owner=owner))
    )
    DeliveryFactory(attempt=attempt)


def make_message(owner, group):
    message = MessageFactory(owner=owner)
    MailingFactory(message=message)
    MailingFactory(message=message)


@pytest.mark.parametrize(
    ("name", "make", "page", "region"),
    [
        # session, user, count, rows, for clients their attributes; on the page, and where mailings are
        # shown, also the user's permissions, of their own and by role
        (
            "clients",
            make_client,
            11,
            7,
        ),  # … their groups, the last change of many; also the filter's choices of groups and mailings
        ("groups", make_group, 6, 4),
        ("messages", make_message, 6, 4),
        ("group_detail", make_client, 8, 6),  # … the group
        ("mailings", make_mailing, 7, 7),  # … their latest attempts
        ("reports", make_attempt, 7, 7),
        # … the mailing, its running attempt, groups and single clients; on the page also its audience
        ("mailing_detail", make_run, 13, 10),
        ("attempt_detail", make_delivery, 8, 8),  # … the attempt, the range of its deliveries' keys
    ],
)
def test_one_row_and_thirty_cost_the_same(name, make, page, region, owner, group, browser):

    def count(rows, headers):
        of = {
            "group_detail": group,
            "mailing_detail": owner.mailings.first(),
            "attempt_detail": Attempt.objects.first(),
        }
        url = reverse(name, args=[of[name].pk] if name in of else [])
        with CaptureQueriesContext(connection) as captured:
            answer = browser.get(url, headers=headers)
        assert len(shown(answer)) == rows
        return len(captured)

    make(owner, group)
    rows = 2 if name == "groups" else 1
    costs = [count(rows, {}), count(rows, REGION)]
    for _ in range(29):
        make(owner, group)
    assert costs == [count(25, {}), count(25, REGION)] == [page, region]


def without_token(answer):
    return re.sub('value="[^"]*"', "", flat(answer))


def test_a_fragment_goes_by_its_target_and_not_by_who_asks(browser):
    full = browser.get(reverse("clients"))
    part = browser.get(reverse("clients"), headers=REGION)
    missed = browser.get(
        reverse("clients"), headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert b"<html" in full.content
    assert b"<html" in missed.content
    assert part.content.strip().startswith(b'<div id="table-region"')
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in full["Vary"].split(",")}
    later = browser.get(reverse("clients"), headers={**REGION, "HX-Target": "div#table-region"})
    assert without_token(later) == without_token(part)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"anna@example.org", "boris@example.org", "clara@example.org"}),
        ("q=ANNA", {"anna@example.org"}),
        ("q=петрова", {"anna@example.org"}),
        ("q=ПЕТРОВА", {"anna@example.org"}),
        ("q=%25", set()),
        ("q=nobody", set()),
        ("suppressed=yes", {"boris@example.org"}),
        ("suppressed=no", {"anna@example.org", "clara@example.org"}),
        ("group={group}", {"clara@example.org"}),
        ("group={group}&suppressed=yes", set()),
        ("q=a%00b", set()),
        ("group=99999999999999999999", set()),
        ("group={foreign}", set()),
    ],
)
def test_the_filter_of_clients(query, found, owner, stranger, group, browser):
    ClientFactory(owner=owner, email="anna@example.org", full_name="Анна Петрова")
    ClientFactory(owner=owner, email="boris@example.org")
    ClientFactory(owner=owner, email="clara@example.org").groups.add(group)
    ClientFactory(owner=stranger, email="anna@example.org")
    Suppression.objects.create(owner=owner, email="BORIS@example.org", reason="unsubscribed")
    Suppression.objects.create(owner=stranger, email="clara@example.org", reason="unsubscribed")
    foreign = ClientGroupFactory(owner=stranger)
    answer = browser.get(f"{reverse('clients')}?{query.format(group=group.pk, foreign=foreign.pk)}")
    assert {client.email for client in shown(answer)} == found
    assert {client.owner for client in shown(answer)} <= {owner}


@pytest.mark.parametrize("sort", ["email", "-email", "full_name", "-full_name", "-created_at"])
def test_pages_never_overlap_and_leave_nobody_out(sort, owner, browser):
    made = {ClientFactory(owner=owner, full_name="Same").pk for _ in range(60)}
    pages = [browser.get(f"{reverse('clients')}?sort={sort}&page={page}") for page in (1, 2, 3)]
    seen = [client.pk for page in pages for client in shown(page)]
    assert [len(shown(page)) for page in pages] == [25, 25, 10]
    assert len(seen) == 60
    assert set(seen) == made
    for page in pages:
        assert page.context["table"].data.data.query.order_by[-1] == ("-pk" if sort[0] == "-" else "pk")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("page=99", 5),
        ("page=-1", 5),
        ("page=x", 25),
        ("per_page=1000000", 30),
        ("per_page=-5", 1),
        ("per_page=0", 25),
        ("sort=nothing&sort=-actions&sort=,", 25),
    ],
)
def test_odd_addresses_show_a_page(query, rows, owner, browser):
    ClientFactory.create_batch(30, owner=owner)
    assert len(shown(browser.get(f"{reverse('clients')}?{query}"))) == rows


def test_the_sort_is_told_to_screen_readers_and_kept_by_the_filter(owner, browser):
    ClientFactory(owner=owner)
    html = browser.get(f"{reverse('clients')}?sort=-email", headers=REGION).content.decode()
    assert re.findall(r'class="col-(\w+)[^>]*aria-sort="(\w+)"', html) == [("email", "descending")]
    assert '<input type="hidden" name="sort" value="-email" form="filter">' in html


def test_names_are_text_and_never_markup(owner, browser):
    client = ClientFactory(owner=owner, full_name="<script>alert(1)</script>")
    client.groups.add(ClientGroupFactory(owner=owner, name="<img src=x>"))
    for name in ("clients", "groups"):
        html = browser.get(reverse(name)).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x>" not in html
        assert "&lt;img src=x&gt;" in html


def test_a_list_says_what_it_is_when_it_is_empty(browser):
    answer = browser.get(reverse("clients"))
    assert "No clients found. Clients are the people who receive your mail." in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("clients", ["client_create", "imports"]),
        ("stop_list", ["stop_create", "stop_import"]),
        ("groups", ["group_create"]),
        ("messages", ["message_create"]),
        ("mailings", ["mailing_create"]),
    ],
)
def test_an_empty_list_offers_all_the_ways_to_fill_it(name, ways, browser):
    address = reverse(name)
    assert offers(browser.get(address)) == [reverse(way) for way in ways]
    assert offers(browser.get(f"{address}?q=nobody")) == [address]


def offers(answer):
    return re.findall(r'<a class="btn [^"]*"\s+href="([^"]*)"', empty_part(answer))


def empty_part(answer):
    return answer.content.decode().partition('<div class="empty">')[2].partition("</div>")[0]


def test_the_numbers_of_groups_and_messages(owner, group, browser):
    group.clients.set(ClientFactory.create_batch(3, owner=owner))
    ClientGroupFactory(owner=owner, name="Zero")
    used, _unused = MessageFactory.create_batch(2, owner=owner)
    MailingFactory.create_batch(2, message=used)
    groups = shown(browser.get(f"{reverse('groups')}?sort=-size"))
    messages = shown(browser.get(f"{reverse('messages')}?sort=-uses"))
    assert [(row.name, row.size) for row in groups] == [("Readers", 3), ("Zero", 0)]
    assert [row.uses for row in messages] == [2, 0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"created", "running", "paused", "disabled", "finished"}),
        ("state=created", {"created"}),
        ("state=running", {"running"}),
        ("state=paused", {"paused"}),
        ("state=disabled", {"disabled"}),
        ("state=finished", {"finished"}),
        ("state=nonsense", set()),
        ("period=weekly", {"running"}),
        ("q=RUNN", {"running"}),
        ("q=nothing", set()),
    ],
)
def test_the_filter_of_mailings_finds_what_a_row_says(query, found, owner, stranger, browser):
    now = timezone.now()
    fields: dict[str, dict[str, Any]] = {
        "created": {},
        "running": {"status": "running", "period": "weekly"},
        "paused": {"status": "running", "paused_at": now},
        "disabled": {"status": "running", "paused_at": now, "disabled_at": now},
        "finished": {"status": "finished", "paused_at": now},
    }
    for state, values in fields.items():
        MailingFactory(message=MessageFactory(owner=owner, subject=state), **values)
    MailingFactory(message=MessageFactory(owner=stranger, subject="running"), status="running")
    rows = shown(browser.get(f"{reverse('mailings')}?{query}"))
    assert {row.message.subject for row in rows} == found
    assert [row.state for row in rows] == [row.message.subject for row in rows]
