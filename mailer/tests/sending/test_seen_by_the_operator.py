"""A server that cannot be used, or does not keep to what it offers: in the report, the log and /service/."""

import logging
import ssl
from datetime import timedelta
from time import monotonic

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from bench.drills.servers.helpers import Silent, certificate
from mailer import notices
from mailer.models import MailServer
from mailer.sending import consumers, holding, sweep
from mailer.transport.refusals import KNOWN
from site_config import health
from testing.rough_server import CHUNKS
from testing.sending import in_act, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pages(owner, manager, client_of, monkeypatch):
    """Returns the report that the run's owner reads, and the page on the state of the service."""
    parts = tuple(health.Part(name, lambda: None) for name in ("database", "queue"))
    monkeypatch.setattr(health, "PARTS", parts)

    def read(attempt):
        consumers.beat()
        report = client_of(owner).get(reverse("attempt_detail", args=[attempt.pk]))
        return report.content.decode(), client_of(manager).get("/service/").content.decode()

    return read


@pytest.mark.parametrize(
    ("drops", "says"), [(False, "did not greet within 2 seconds."), (True, "could not be reached within 2")]
)
def test_what_cannot_be_reached_is_seen_within_the_time_limit_and_two_seconds(
    owner, rough, settings, pages, caplog, time_machine, drops, says
):
    caplog.set_level(logging.WARNING)
    settings.MAIL_TIMEOUT = 2
    with Silent(drops=drops) as silent:
        settings.EMAIL_PORT = silent.port
        began = monotonic()
        attempt = start(owner, 20)
        assert monotonic() - began < settings.MAIL_TIMEOUT + 2
    assert says in attempt.problem
    assert MailServer.objects.get().rests_until is not None
    [logged] = [record.getMessage() for record in caplog.records if says in record.getMessage()]
    assert logged.count("rests until") == 1
    MailServer.objects.update(rests_until=timezone.now() + timedelta(seconds=60))
    report, service = pages(attempt)
    assert says in report
    assert says in service
    assert "We leave it alone until" in service
    time_machine.move_to(timezone.now() + timedelta(seconds=90))
    _, service = pages(attempt)
    assert says in service, "also while it is tried again"
    assert "We are trying again with one mail." in service
    assert "In use." not in service
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}


SITUATIONS = {
    "its own certificate": ({"EMAIL_USE_TLS": True}, "certificate", "MAIL_TLS_CA_FILE"),
    "TLS at a plain port": ({"EMAIL_USE_SSL": True}, "no-tls-here", "smtp+tls://"),
    "no STARTTLS": ({"EMAIL_USE_TLS": True}, "no-starttls", "smtp+ssl://"),
    "no log-in without TLS": ({"EMAIL_HOST_USER": "us"}, "no-log-in", "smtp+tls://"),
    "a wrong password": ({"EMAIL_HOST_USER": "us"}, "log-in-refused", "EMAIL_URL"),
    "the server wants TLS": ({}, "tls-needed", "smtp+tls://"),
}


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("said", "code", "helps"), SITUATIONS.values(), ids=SITUATIONS)
def test_the_setting_that_helps_is_named_in_both_languages(
    owner, rough, settings, pages, tmp_path, monkeypatch, said, code, helps, language
):
    monkeypatch.setattr(notices, "run_held", lambda *_, **__: None)  # it would go to the same server
    owner.language = language
    owner.save()
    for name, value in said.items():
        setattr(settings, name, value)
    settings.EMAIL_HOST = "localhost"
    if code == "certificate":
        rough.offers, rough.context = ("STARTTLS",), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        rough.context.load_cert_chain(*certificate(tmp_path))
    if code == "log-in-refused":
        rough.offers = ("AUTH PLAIN",)
        rough.answer = in_act("535 5.7.8 Authentication credentials invalid", "AUTH", times=100)
    if code == "tls-needed":
        rough.answer = in_act("530 Must issue a STARTTLS command first", "MAIL", times=100)
    attempt = start(owner, 3)
    assert attempt.problem_code == code
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}
    report, _ = pages(attempt)
    explanation = KNOWN.texts[code, language]
    assert helps in explanation.remedy
    assert escape(explanation.sentence) in report
    assert escape(explanation.remedy) in report
    if attempt.held_at:
        sweep.release_held()  # as a consumer does that has read the settings anew
        attempt.refresh_from_db()
        assert (attempt.held_at is None) == (code in holding.SETTINGS), "but not what the server refused"


def test_an_extension_that_is_not_kept_to_is_logged_once_and_shown(owner, rough, pages, caplog):
    caplog.set_level(logging.WARNING)
    rough.offers = CHUNKS
    rough.answer = lambda session, verb, _: (
        "502 5.5.2 Error: command not recognized"
        if verb == "DOT" and session.said[-1].startswith("BDAT")
        else None
    )
    attempt = start(owner, 40)
    assert (attempt.status, attempt.sent) == ("succeeded", 40)
    server = f"127.0.0.1:{rough.port}"
    [logged] = [record.getMessage() for record in caplog.records]
    assert logged == f"{server} offers CHUNKING and does not keep to it; it is not used for an hour"
    _, service = pages(attempt)
    assert f"CHUNKING, {server}, " in service
    assert service.count("not used until") == 1
