"""Every stored figure equals a count over the ledger."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mailer.models import Attempt, DomainCount
from mailer.reporting.recounting import differences
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory
from testing.sending import start

FINE = "Every stored figure is what the ledger says.\n"


def recount(*words):
    out = StringIO()
    call_command("recount", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def attempt(owner):
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    attempt = AttemptFactory(mailing=mailing, total=3, sent=1, failed=1, skipped=1, status="partly")
    for status in ("sent", "failed", "skipped"):
        DeliveryFactory(attempt=attempt, client=ClientFactory(owner=owner), status=status)
    return attempt


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_is_what_is_stored(owner, smtp):
    smtp.at_rcpt = lambda to: "550 5.1.1 no such user" if to.startswith("1@") else None
    attempt = start(owner, 5)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 4, 1)
    domains = DomainCount.objects.values_list("domain", "total", "sent", "failed")
    assert list(domains) == [("example.org", 5, 4, 1)]
    assert recount() == FINE


@pytest.mark.django_db
def test_the_demo_differs_in_nothing():
    call_command("load_demo", stdout=StringIO())
    assert Attempt.objects.count() > 50
    assert recount() == FINE


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"sent": 2, "total": 4}, ["total is 4, by the ledger 3", "sent is 2, by the ledger 1"]),
        ({"possibly_twice": 7}, ["possibly_twice is 7, by the ledger 0"]),
        ({"status": "succeeded"}, ["status is succeeded, by the ledger partly"]),
    ],
)
def test_what_differs_is_named_and_mended(changed, says, attempt):
    Attempt.objects.filter(pk=attempt.pk).update(**changed)
    assert [str(found) for found in differences()] == [f"run {attempt.pk}: {text}" for text in says]
    with pytest.raises(CommandError, match=f"{len(says)} figures of 1 runs differ"):
        recount()
    assert recount("--mend").endswith("Set right: 1 runs.\n")
    assert recount() == FINE


@pytest.mark.django_db
def test_counts_by_domain_are_compared_and_what_is_pruned_is_not(attempt):
    DomainCount.objects.create(attempt=attempt, domain="example.org", total=9, sent=1, failed=1)
    [found] = differences()
    assert str(found) == f"run {attempt.pk}: total by domain is 9, by the ledger 3"
    Attempt.objects.filter(pk=attempt.pk).update(pruned_at=attempt.started_at)
    assert list(differences()) == []
