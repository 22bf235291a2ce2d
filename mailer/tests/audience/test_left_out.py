"""All but: groups that a mailing leaves out, and each client only once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.audience import audience_of_mailing, measure, recipients, sizes_of
from mailer.models import Delivery, Mailing
from mailer.sending.opening import run_now
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)


@pytest.fixture
def people(owner):
    return ClientFactory.create_batch(4, owner=owner)


@pytest.fixture
def everybody(owner, people):
    group = ClientGroupFactory(owner=owner, name="Everybody")
    group.clients.set(people)
    return group


@pytest.fixture
def left_out(owner, people):
    group = ClientGroupFactory(owner=owner, name="Left out")
    group.clients.set(people[:2])
    return group


@pytest.fixture
def mailing(owner, everybody, left_out, people):
    mailing = MailingFactory(message__owner=owner)
    mailing.groups.add(everybody)
    mailing.clients.add(people[0], people[3])  # chosen one by one, and left out all the same
    mailing.excluded.add(left_out)
    return mailing


def test_who_is_left_out_gets_nothing_and_counts_for_nothing(owner, mailing, people, everybody, left_out):
    assert set(recipients(mailing)) == set(people[2:])
    assert audience_of_mailing(mailing).total == 2
    assert sizes_of([mailing.pk]) == {mailing.pk: 2}
    choice = {"owner": owner, "clients": [people[0].pk], "groups": [everybody.pk]}
    assert measure(**choice, excluded=[left_out.pk]).total == 2
    assert measure(**choice, excluded=[10**9]).total == 4
    attempt = run_now(mailing=mailing, after=None)
    assert set(attempt.deliveries.values_list("client", flat=True)) == {row.pk for row in people[2:]}


def test_another_owners_group_leaves_nobody_out(owner, stranger, people, everybody):
    foreign = ClientGroupFactory(owner=stranger)
    foreign.clients.set(people[:1])
    found = measure(owner=owner, clients=[], groups=[everybody.pk], excluded=[foreign.pk])
    assert found.total == 4


def test_a_mailing_that_leaves_out_all_is_of_nobody(mailing, people, left_out):
    left_out.clients.set(people)
    assert sizes_of([mailing.pk]) == {mailing.pk: 0}


def test_each_client_only_once(mailing, people):
    mailing.each_once = True
    mailing.save()
    first = AttemptFactory(mailing=mailing)
    DeliveryFactory(attempt=first, client=people[2], status="sent")
    DeliveryFactory(attempt=first, client=people[3], status="failed")
    other = AttemptFactory(mailing=MailingFactory(message=mailing.message))
    DeliveryFactory(attempt=other, client=people[3], status="sent")
    assert set(recipients(mailing)) == {people[3]}
    assert audience_of_mailing(mailing).total == 1
    run_now(mailing=mailing, after=first.pk)
    assert list(Delivery.objects.filter(status="queued").values_list("client", flat=True)) == [people[3].pk]


def form(owner, **fields):
    start = timezone.now() + timedelta(days=1)
    return {
        "message": MessageFactory(owner=owner).pk,
        "period": "weekly",
        "starts_at": f"{start:%Y-%m-%dT%H:%M}",
        "ends_at": f"{start + timedelta(days=30):%Y-%m-%dT%H:%M}",
        "time_zone": "UTC",
        **fields,
    }


def test_the_form_keeps_and_copies_both(owner, browser, everybody, left_out):
    fields = form(owner, groups=[everybody.pk], excluded=[left_out.pk], each_once="on")
    assert browser.post(reverse("mailing_create"), fields).status_code == 302
    mailing = Mailing.objects.get()
    assert (mailing.each_once, list(mailing.excluded.all())) == (True, [left_out])
    copied = browser.get(reverse("mailing_clone", args=[mailing.pk])).context["form"]
    assert (copied["excluded"].value(), copied["each_once"].value()) == ([left_out.pk], True)
    edited = form(owner, groups=[everybody.pk])
    assert browser.post(reverse("mailing_edit", args=[mailing.pk]), edited).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.each_once, mailing.excluded.count()) == (False, 0)


def test_the_form_refuses_to_leave_out_all_and_foreign_groups(owner, stranger, browser, everybody, left_out):
    foreign = ClientGroupFactory(owner=stranger)
    for excluded in (everybody, foreign):
        fields = form(owner, groups=[everybody.pk], excluded=[excluded.pk])
        answer = browser.post(reverse("mailing_create"), fields)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["excluded"])
    assert not Mailing.objects.exists()


def test_the_list_asks_no_more_for_mailings_that_leave_out(owner, browser, everybody, left_out):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse("mailings"))
        return len(captured)

    def add():
        mailing = MailingFactory(message__owner=owner)
        mailing.groups.add(everybody)
        mailing.excluded.add(left_out)

    add()
    before = queries()
    for _ in range(20):
        add()
    assert queries() == before
