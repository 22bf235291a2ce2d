"""Choosing who gets a mailing."""

import pytest

from mailer.models import Suppression
from testing.factories import (
    ClientFactory,
    ClientGroupFactory,
)
from testing.pages import flat, recipients

pytestmark = pytest.mark.django_db


def labels(answer):
    return [str(row) for row in answer.context["picker"].offered]


def test_the_search_offers_a_few_of_very_many_and_keeps_what_is_chosen(browser, owner, stranger):
    ClientFactory.create_batch(30, owner=owner)
    kept = ClientFactory(owner=owner, email="zoe@example.org", full_name="Zoe")
    ClientFactory(owner=owner, email="boris@example.org", full_name="Борис")
    ClientFactory(owner=stranger, full_name="Борис", email="foreign@example.org")
    answer = recipients(browser, "clients-list", **{"clients": [kept.pk], "clients-search": "борис"})
    assert labels(answer) == ["Борис <boris@example.org>"]
    assert answer.context["picker"].chosen == [kept]
    html = flat(answer)
    assert f'value="{kept.pk}" checked' in html
    assert "There are more" not in html
    everyone = recipients(browser, "clients-list")
    assert len(labels(everyone)) == 20
    assert "There are more: search for them." in everyone.content.decode()


def test_the_audience_is_counted_while_one_chooses(browser, owner, stranger):
    group = ClientGroupFactory(owner=owner)
    members = ClientFactory.create_batch(3, owner=owner)
    group.clients.set(members)
    Suppression.objects.create(owner=owner, email=members[0].email.upper(), reason="bounced")
    foreign = ClientFactory(owner=stranger)
    chosen = {"groups": [group.pk], "clients": [members[1].pk, foreign.pk, "x", "9" * 40]}
    answer = recipients(browser, "audience", **chosen)
    audience = answer.context["audience"]
    assert (audience.total, audience.suppressed, audience.mailable) == (3, 1, 2)
    assert "It reaches 3 addresses" in answer.content.decode()
    assert "1 of them is on the stop-list" in answer.content.decode()
    assert "Nobody has been chosen yet." in recipients(browser, "audience").content.decode()


def test_odd_searches_do_no_harm(browser, owner):
    ClientFactory(owner=owner)
    for search in ("%", "\x00", "x" * 100_000, "'; DROP TABLE mailer_client; --", "<script>"):
        answer = recipients(browser, "clients-list", **{"clients-search": search})
        assert answer.status_code == 200
        assert "<script>" not in answer.content.decode()
