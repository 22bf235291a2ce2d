"""Preparing a message is bounded, done one per core at a time, and paid once."""
# ruff: noqa: E501  (HTML as it is written)

import fcntl
import os
import re
import runpy
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, process_time

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from mailer.composing import html, slots
from mailer.composing.compiling import check_message, compile_message
from mailer.composing.merge import CannotCompile
from mailer.composing.slots import ASKER, Busy, slot
from mailer.sending import leases
from testing.factories import ClientFactory, MessageFactory
from testing.sending import make_mailing

pytestmark = pytest.mark.once

TOO_MUCH = "this HTML is too deeply nested, has too many style rules, or grows too large"


@pytest.fixture
def children(monkeypatch):
    """The processes that were started."""
    started = []
    run = subprocess.run

    def counted(*args, **kwargs):
        started.append(args[0])
        return run(*args, **kwargs)

    monkeypatch.setattr(subprocess, "run", counted)
    return started


@pytest.fixture(autouse=True)
def _nothing_kept(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(monotonic())}
    }
    html._nearby.clear()


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 40_000,
        "<b>" * 20_000 + "</b>" * 20_000,
        "<p>" + "x" * 1_000_000,
        "<p>" + "<i></i>" * 50_000,
        "<style>" + "a{b:c}" * 7_000 + "</style><p>x",
        "<style>" + "*{b:c}" * 4_000 + "</style>" + "<i></i>" * 8_000,
        "<style>" * 80_000,
    ],
    ids=["depth", "closed depth", "size", "tags", "rules", "rules for tags", "sheets"],
)
def test_what_is_out_of_proportion_is_refused_without_a_process(body, children):
    before = process_time()
    with pytest.raises(CannotCompile, match=TOO_MUCH):
        compile_message(subject="x", body=body)
    assert process_time() - before < 1  # milliseconds; a bound on the order, not a benchmark
    assert children == []


def test_a_plain_text_out_of_proportion_is_refused_too(children):
    with pytest.raises(ValidationError, match="this text is longer than 600000 characters"):
        check_message(subject="x", body="x" * 1_000_000, format="text")
    assert children == []


def test_what_keeps_the_process_busy_ends_in_time(children):
    body = (
        "<style>"
        + "".join(f"i i:nth-child({n}n) i{{b:{n}}}" for n in range(2_000))
        + "</style>"
        + ("<i>" * 100 + "</i>" * 100) * 60
    )
    before = monotonic()
    with pytest.raises(CannotCompile, match=TOO_MUCH):
        compile_message(subject="x", body=body)
    assert monotonic() - before < html.WAIT_SECONDS
    with pytest.raises(CannotCompile, match=TOO_MUCH):
        compile_message(subject="x", body=body)
    assert len(children) == 1  # the refusal is kept too


def test_a_second_time_costs_no_process(children):
    body = "<style>p{color:red}</style><p>Hi {{ first_name }}</p>"
    check_message(subject="One", body=body)
    assert len(children) == 1
    compile_message(subject="Another", body=body)
    html._nearby.clear()  # as in another process
    compile_message(subject="x", body=body)
    assert len(children) == 1
    compile_message(subject="x", body=body + "<p>more</p>")
    assert len(children) == 2


def test_without_a_cache_it_is_prepared_all_the_same(settings, children):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }
    compile_message(subject="x", body="<p>a</p>")
    compile_message(subject="x", body="<p>a</p>")
    assert len(children) == 1


def test_a_large_honest_message_is_welcome():
    rows = "".join(
        f'<tr><td class="c{n % 50}" style="padding:4px"><p>Offer {n}</p>'
        f'<a href="https://shop.example/{n}?a=1&amp;b=2">Buy it now, as long as there is some</a></td></tr>'
        for n in range(1_500)
    )
    sheet = "".join(
        f".c{n} a{{color:#{n:06d}}} @media (max-width:600px){{.c{n}{{width:100%!important}}}}"
        for n in range(50)
    )
    body = f"<html><head><style>{sheet}</style></head><body><table>{rows}</table></body></html>"
    assert len(body) > 200_000
    check_message(subject="x", body=body)


def held_by_another(stack):
    """Every place of this machine, taken by a process of its own."""
    folder = settings.VAR_DIR / "preparing"
    folder.mkdir(exist_ok=True)
    for number in range(os.cpu_count()):
        place = stack.enter_context((folder / f"{number}.lock").open("a"))
        fcntl.flock(place, fcntl.LOCK_EX)


def test_no_more_at_a_time_than_there_are_cores(monkeypatch, children):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.1)
    with ExitStack() as stack:
        held_by_another(stack)
        with pytest.raises(Busy, match="the service is busy with other messages"), slot():
            pytest.fail("there is no place")
        assert children == []
    with slot():
        pass


@pytest.mark.django_db(transaction=True)
def test_a_run_waits_for_a_place_and_is_not_held(owner, smtp, monkeypatch):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.1)
    with ExitStack() as stack:
        held_by_another(stack)
        message = MessageFactory(owner=owner, body="<p>waits</p>")
        mailing = make_mailing(owner, [ClientFactory(owner=owner)], message=message)
        attempt = mailing.attempts.get()
        assert (attempt.status, attempt.held_at, attempt.problem) == ("running", None, "")
        assert list(attempt.deliveries.values_list("status", "tries")) == [("queued", 0)]
    leases.enqueue(attempt.pk)
    attempt.refresh_from_db()
    assert attempt.status == "succeeded"


def test_a_place_is_free_again_when_its_process_dies(monkeypatch):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.1)
    folder = settings.VAR_DIR / "preparing"
    folder.mkdir(exist_ok=True)
    hold = "import fcntl,os,sys\nfor n in range(os.cpu_count()):\n f=open(f'{sys.argv[1]}/{n}.lock','a'); fcntl.flock(f,fcntl.LOCK_EX); globals()[f'f{n}']=f\nos.kill(os.getpid(),9)"
    subprocess.run([sys.executable, "-c", hold, str(folder)], check=False)
    with slot():
        pass


@pytest.fixture
def asker():
    """Say for whom a message is prepared from now on."""
    tokens = []
    yield lambda number: tokens.append(ASKER.set(number))
    for token in reversed(tokens):
        ASKER.reset(token)


def test_who_waits_in_front_of_a_screen_is_refused_in_time(asker, monkeypatch, children):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.1)
    asker(1)
    with ExitStack() as stack:
        held_by_another(stack)
        with pytest.raises(Busy), slot():
            pytest.fail("there is no place")
    assert children == []


def test_one_user_takes_one_place_and_has_three_requests_wait(asker, monkeypatch):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 60)
    began = monotonic()
    with ExitStack() as stack:
        asker(1)
        stack.enter_context(slot())
        for number in (1, 2, 3):  # the requests that wait
            stack.enter_context(slots._one_of([f"user-1-{number}"], until=0))
        with pytest.raises(Busy), slot():
            pytest.fail("a fifth one")
        if os.cpu_count() > 1:
            asker(2)
            stack.enter_context(slot())
    assert monotonic() - began < 30


def test_a_request_waits_less_than_gunicorn_and_the_guide_s_proxy_do():
    longest = slots.WAIT_SECONDS + html.WAIT_SECONDS
    assert longest < runpy.run_path("gunicorn.conf.py").get("timeout", 30)
    guide = (settings.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    assert longest < int(re.findall(r"proxy_read_timeout (\d+)s;", guide)[0])


def test_not_all_threads_of_a_web_worker_wait_for_messages(asker):
    assert runpy.run_path("gunicorn.conf.py")["threads"] > slots.AT_ONCE
    with ExitStack() as stack:
        for number in range(slots.AT_ONCE):
            stack.enter_context(slots._one_of([f"screen-{number}"], until=0))
        asker(1)
        with pytest.raises(Busy), slot():
            pytest.fail("there is no place")
        asker(None)  # a consumer
        with slot():
            pass


@pytest.mark.django_db
def test_a_page_says_that_the_service_is_busy_and_keeps_what_was_typed(owner, client_of, monkeypatch):
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.1)
    form = {"subject": "News", "format": "html", "body": "<p>typed for an hour</p>", "do": "save"}
    url = f"/messages/{MessageFactory(owner=owner).pk}/edit/"
    with ExitStack() as stack:
        held_by_another(stack)
        answer = client_of(owner).post(url, form)
    assert answer.status_code == 422
    assert "the service is busy with other messages; try again in a minute" in answer.content.decode()
    assert "typed for an hour" in answer.content.decode()
    assert client_of(owner).post(url, form).status_code == 302
    assert ASKER.get() is None


@pytest.mark.django_db
def test_a_page_waits_once_however_often_it_prepares_the_message(owner, client_of, monkeypatch):
    """Saving prepares it, and so does the preview beside what was typed."""
    began = []

    def never_free(names, *, until):
        if until > monotonic():
            began.append(names)
            raise Busy.now()
        return Path(os.devnull).open()

    monkeypatch.setattr(slots, "_one_of", never_free)
    form = {"subject": "News", "format": "html", "body": "<p>typed</p>", "do": "save"}
    url = f"/messages/{MessageFactory(owner=owner).pk}/edit/"
    for number in (1, 2):  # the next request waits again
        answer = client_of(owner).post(url, form)
        assert (answer.status_code, len(began)) == (422, number)
    assert "the service is busy with other messages" in answer.content.decode()


def test_a_process_that_gets_no_time_is_no_fault_of_the_message(monkeypatch, asker):
    asker(1)
    monkeypatch.setattr(html, "WAIT_SECONDS", 0)
    with pytest.raises(Busy):
        compile_message(subject="x", body="<p>late</p>")
    monkeypatch.setattr(html, "WAIT_SECONDS", 12)
    compile_message(subject="x", body="<p>late</p>")


def test_the_process_knows_no_secret(children, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    seen = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: seen.append(k["env"]) or run(*a, **k))
    compile_message(subject="x", body="<p>b</p>")
    assert seen == [{}]
