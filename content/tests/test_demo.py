import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from mailer.models import Attempt, Client, Delivery, Mailing, Message, Suppression
from people.models import User
from site_config.demo.dates import ANCHOR, moved_to
from site_config.demo.loading import FIXTURES, LOGINS, PASSWORD, read
from testing.factories import ClientFactory, MailingFactory, UserFactory

DJANGO_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
RESERVED = ("example.com", "example.org", "example.net")


def picture_of_the_data() -> dict[str, Counter[str]]:
    return {
        "mailings": Counter(mailing.state for mailing in Mailing.objects.all()),
        "attempts": Counter(Attempt.objects.values_list("status", flat=True)),
        "deliveries": Counter(Delivery.objects.values_list("status", flat=True)),
        "rows": Counter({model.__name__: model.objects.count() for model in (User, Client, Suppression)}),
    }


@pytest.fixture(autouse=True)
def _pictures_once(settings, tmp_path_factory):
    settings.MEDIA_ROOT = tmp_path_factory.getbasetemp() / "demo"


@pytest.fixture
def demo(db):
    call_command("load_demo", verbosity=0)


def test_loading_twice_changes_nothing_and_leaves_other_owners_alone(db):
    stranger = UserFactory(email="somebody@example.com")
    theirs = MailingFactory(message__owner=stranger)
    client = ClientFactory(owner=stranger, email="anna@example.com")
    before = Mailing.objects.filter(pk=theirs.pk).values().get()
    call_command("load_demo")
    first = picture_of_the_data()
    call_command("load_demo")
    assert picture_of_the_data() == first
    # The stranger's mailing is one of the three that are to come.
    assert first["mailings"] == {"running": 5, "finished": 4, "created": 3, "paused": 1, "disabled": 1}
    assert first["rows"]["User"] == 6
    assert Mailing.objects.filter(pk=theirs.pk).values().get() == before
    assert Client.objects.get(pk=client.pk).owner == stranger


def test_a_demo_that_ran_on_begins_anew(demo):
    mailing = Mailing.objects.filter(period="daily", status="running", disabled_at=None).get()
    latest = mailing.attempts.first()
    Attempt.objects.create(
        mailing=mailing, scheduled_for=latest.scheduled_for + timedelta(days=1), started_at=timezone.now()
    )
    Client.objects.filter(owner=mailing.owner).first().delete()
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        call_command("load_demo")
    assert mailing.attempts.count() == 24
    assert mailing.attempts.first().scheduled_for == latest.scheduled_for + timedelta(days=1)


def test_once_leaves_a_loaded_demo_as_it_is(demo, capsys):
    Message.objects.filter(owner__email="demo@example.com").update(subject="Mine now")
    call_command("load_demo", "--once")
    assert set(Message.objects.filter(owner__email="demo@example.com").values_list("subject", flat=True)) == {
        "Mine now"
    }
    shown = capsys.readouterr().out
    assert PASSWORD in shown
    assert [email for email in LOGINS if email not in shown] == []


@pytest.mark.parametrize("hour", [0, 5, 12, 23])
def test_on_any_day_the_past_is_past_and_the_next_runs_are_to_come(hour):
    rows = [row for name in ("mailings", "attempts") for row in read(name)]
    rows = [row for row in rows if row["model"] != "mailer.delivery"]
    begin = datetime(ANCHOR.year, ANCHOR.month, ANCHOR.day, hour, 30, tzinfo=UTC)
    for days in range(0, 800, 3):
        now = begin + timedelta(days=days)
        moved = [(row["model"], row["fields"]) for row in moved_to(now, rows)]
        ran = [fields["scheduled_for"] for model, fields in moved if model == "mailer.attempt"]
        coming = [fields["next_run_at"] for model, fields in moved if model == "mailer.mailing"]
        assert max(ran) < now - timedelta(hours=1)
        assert min(filter(None, coming)) > now + timedelta(hours=2)
        assert sum(moment is None for moment in coming) == 4


@pytest.mark.once
def test_each_file_loads_alone_in_the_order(db):
    for name in FIXTURES:
        call_command("loaddata", name, verbosity=0)
    assert Mailing.objects.due(timezone.now()).count() == 0
    assert Delivery.objects.count() == sum(row["model"] == "mailer.delivery" for row in read("attempts"))


def test_a_public_site_is_not_given_a_known_password(db):
    with (
        override_settings(SITE_URL="https://mail.example.com"),
        pytest.raises(CommandError, match="--public"),
    ):
        call_command("load_demo")
    assert User.objects.count() == 0


def test_demo_data_that_does_not_fit_changes_nothing(db, tmp_path, monkeypatch):
    rows = read("users")
    rows[1]["fields"]["email"] = "DEMO@example.com"
    rows[1]["fields"]["name"] = None
    (tmp_path / "fixtures").mkdir()
    for name in FIXTURES:
        (tmp_path / "fixtures" / f"{name}.json").write_text(json.dumps(rows if name == "users" else []))
    with override_settings(BASE_DIR=tmp_path), pytest.raises(CommandError, match="does not fit"):
        call_command("load_demo")
    assert User.objects.count() == 0
