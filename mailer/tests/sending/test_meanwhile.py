"""What changes in the middle of a run: its data, and what the mail server says.

Judged by what the server has taken, and by the ledger.
"""

import pytest
from django.db import connection

from mailer.models import Client
from mailer.reporting.recounting import differences
from testing.factories import ClientGroupFactory
from testing.rough_server import CHUNKS, PLAIN
from testing.sending import clients, go_on, in_act, make_mailing, start

pytestmark = pytest.mark.django_db(transaction=True)
EVERY = [(), PLAIN, CHUNKS]
NAMES = [f"{n}@example.org" for n in range(30)]


def once_each(attempt, server):
    """All were sent, nobody twice unless it is marked, and the figures are those of the ledger."""
    twice = {to for to in server.recipients if server.recipients.count(to) > 1}
    marked = set(attempt.deliveries.filter(possibly_twice=True).values_list("email", flat=True))
    return (
        (attempt.status, attempt.sent, attempt.failed) == ("succeeded", len(NAMES), 0)
        and sorted(set(server.recipients)) == sorted(NAMES)
        and twice <= marked
        and attempt.possibly_twice == len(marked)
        and not list(differences())
    )


@pytest.mark.parametrize("offers", EVERY)
@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("DATA", b"354 Go on\r\n354 Go on\r\n"),
        ("DOT", b"354 Go on\r\n"),
        ("MAIL", b"250 " + b"x" * 10_000_000 + b"\r\n"),
        ("RCPT", b"250 " + b"x" * 10_000_000 + b"\r\n"),
        ("DOT", b"250 " + b"x" * 10_000_000 + b"\r\n"),
    ],
    ids=["354 twice", "354 at the end", "10 MB to MAIL", "10 MB to RCPT", "10 MB at the end"],
)
def test_a_reply_that_is_none_loses_nobody(owner, rough, time_machine, offers, verb, says):
    rough.offers = offers
    rough.answer = in_act(says, verb, times=2)
    attempt = go_on(start(owner, len(NAMES)), time_machine)
    assert once_each(attempt, rough)


@pytest.fixture
def halfway(rough, settings):
    """Have something done when ten mails have been taken."""
    settings.MAIL_WINDOW = 2
    settings.MAIL_CONNECTIONS = 1

    def after_ten(do):
        def answer(_session, verb, _line):
            if verb == "DOT" and len(rough.taken) == 10:
                do()
                connection.close()  # that of the server's thread

        rough.answer = answer

    return after_ten


def test_an_address_that_changes_during_a_run_counts_for_the_next(owner, rough, halfway):
    """The run keeps the addresses that it began with."""
    halfway(lambda: [Client.objects.filter(email=e).update(email=f"new-{e}") for e in NAMES])
    attempt = start(owner, len(NAMES))
    attempt.refresh_from_db()
    assert once_each(attempt, rough)


def test_a_group_that_is_emptied_during_a_run_counts_for_the_next(owner, rough, halfway):
    group = ClientGroupFactory(owner=owner)
    group.clients.add(*clients(owner, len(NAMES)))
    halfway(group.clients.clear)
    attempt = make_mailing(owner, groups=[group]).attempts.get()
    assert once_each(attempt, rough)


def test_who_is_deleted_during_a_run_is_skipped_and_the_others_are_sent(owner, rough, halfway):
    halfway(lambda: Client.objects.filter(email__in=NAMES[20:]).delete())
    attempt = start(owner, len(NAMES))
    assert (attempt.status, attempt.sent, attempt.skipped) == ("succeeded", 20, 10)
    assert sorted(rough.recipients) == sorted(NAMES[:20])
    assert not list(differences())
