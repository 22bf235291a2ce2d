"""The command that sends what is due and ends."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import leases
from testing.factories import ClientFactory
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db(transaction=True)


def test_send_mailings_sends_what_is_due_and_exits_honestly(owner, smtp, capsys, monkeypatch):
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    call_command("send_mailings")
    assert capsys.readouterr().out == "Nothing is due.\n"
    make_mailing(owner, [ClientFactory(owner=owner) for _ in range(3)])
    call_command("send_mailings")
    assert "3 sent, 0 failed" in capsys.readouterr().out
    assert len(smtp.mails) == 3

    smtp.at_rcpt = lambda _: "550 5.1.1 No such user"
    with pytest.raises(CommandError, match="1 of 1 runs did not succeed"):
        call_command("send_mailings", mailing=Mailing.objects.get().pk)
    with pytest.raises(CommandError, match="There is no mailing 999"):
        call_command("send_mailings", mailing=999)


def test_send_mailings_names_what_is_paused_disabled_or_held_and_does_not_fail_for_it(owner, smtp, capsys):
    smtp.at_mail = lambda _: "553 5.7.1 Sender not allowed"
    held = make_mailing(owner, [ClientFactory(owner=owner)])
    smtp.at_mail = lambda _: None
    paused, disabled = (make_mailing(owner, [ClientFactory(owner=owner)]) for _ in range(2))
    for mailing in (paused, disabled):
        Delivery.objects.filter(attempt__mailing=mailing).update(status="queued", next_try_at=timezone.now())
        mailing.attempts.update(status="running", finished_at=None, sent=0)
    Mailing.objects.filter(pk=paused.pk).update(paused_at=timezone.now())
    Mailing.objects.filter(pk=disabled.pk).update(disabled_at=timezone.now())
    call_command("send_mailings")
    lines = capsys.readouterr().out.splitlines()
    told = [line.partition(": ")[2].partition(" – ")[0] for line in lines if " – " in line]
    assert told == ["on hold", "paused by its owner", "disabled by a manager"]
    assert held.attempts.get().held_at is not None


def test_send_mailings_waits_for_the_limit_of_mails_per_minute(owner, smtp, settings, monkeypatch):
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    settings.MAIL_RATE_PER_MINUTE = 25  # a mail in 2.4 s, longer than a worker waits
    make_mailing(owner, [ClientFactory(owner=owner) for _ in range(2)])
    call_command("send_mailings")
    assert (Attempt.objects.get().status, len(smtp.mails)) == ("succeeded", 2)
