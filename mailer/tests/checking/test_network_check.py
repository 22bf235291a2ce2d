"""The part of a check that asks the network: when it is done, its bounds, and its page."""

import time
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from django.core.cache import cache
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from mailer.checking import background
from mailer.checking.fetching import Verdict
from mailer.checking.spam import SpamdAway, score_of
from mailer.models import MessageCheck
from mailer.tasks import check_message
from testing.factories import ClientFactory, MessageFactory
from testing.pages import flat

REGION = {"HX-Request": "true", "HX-Target": "network-check"}


def test_links_have_bounds():
    many = [f"https://site{n % 20}.example/{n}" for n in range(1000)]
    assert len(background.to_fetch(many)) == 50
    one = [f"https://a.example/{n}" for n in range(100)]
    assert background.to_fetch(one) == one[:10]
    odd = [
        "mailto:a@b.c",
        "#",
        "https://a.example/?{{ email }}",
        "ftp://x",
        "https://a.example/" + "x" * 2000,
    ]
    assert background.to_fetch([*odd, "https://a.example/", "https://a.example/ "]) == ["https://a.example/"]


def test_links_for_which_there_is_no_time_are_told_later(dns, web, monkeypatch):
    monkeypatch.setattr(background, "SECONDS", 0.3)
    monkeypatch.setattr(background, "fetch", lambda _url: time.sleep(1))
    assert background.check_links(["https://a.example/"]) == {"https://a.example/": ["later", ""]}


@pytest.mark.django_db(transaction=True)
def test_slow_sites_hold_up_no_worker(owner, dns, monkeypatch):
    """Two checks of slow sites are handed over at once, and made one after the other."""
    over, asked, known = Event(), [], enumerate_threads()

    def slow(url):
        asked.append(url)
        over.wait(20)
        return Verdict("ok")

    monkeypatch.setattr(background, "fetch", slow)
    monkeypatch.setattr(background, "check_domain", lambda _domain: [])
    body = '<p><a href="https://a.example/{}">x</a></p>'
    checked = [MessageFactory(owner=owner, body=body.format(n)) for n in range(2)]
    MessageCheck.objects.bulk_create(
        MessageCheck(message=message, requested_at=timezone.now()) for message in checked
    )
    monkeypatch.setattr(HUEY, "immediate", False)
    began = time.monotonic()
    for message in checked:
        check_message.call_local(message.pk)
    assert time.monotonic() - began < 5  # not the twenty seconds of the sites
    aside = set(enumerate_threads()) - set(known)
    until(lambda: asked)
    assert len(asked) == 1
    over.set()
    for thread in aside:
        thread.join(20)
    assert len(asked) == 2
    assert not MessageCheck.objects.filter(finished_at=None).exists()


def until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.django_db
def test_of_very_many_dead_links_ten_of_a_kind_are_named(browser, owner):
    addresses = [f"https://site{n}.example/" for n in range(40)]
    links = "".join(f'<a href="{address}">x</a>' for address in addresses)
    message = MessageFactory(owner=owner, body=f"<p>News</p>{links}")
    told = {address: ["nowhere", ""] if n < 25 else ["away", ""] for n, address in enumerate(addresses)}
    now = timezone.now()
    MessageCheck.objects.create(message=message, requested_at=now, finished_at=now, links=told)
    html = flat(browser.get(f"/messages/{message.pk}/check/"))
    assert (html.count("There is no such site"), html.count("did not answer")) == (10, 10)
    assert "And 15 more links like these." in html
    assert "And 5 more links like these." in html


@pytest.fixture
def linked(owner):
    addresses = ("http://in.example.test/x", "http://nobody.test/", "{{ unsubscribe_url }}")
    links = "".join(f'<a href="{address}">go</a> ' for address in addresses)
    return MessageFactory(
        owner=owner, subject="News", body=f"<p>Dear reader, here is all the news of this week. {links}</p>"
    )


@pytest.mark.django_db(transaction=True)
def test_a_check_is_asked_for_done_and_told(browser, linked, sender, spamd):
    sender.records["in.example.test", "A"] = ["10.0.0.1"]
    page = f"/messages/{linked.pk}/check/"
    assert "Check links and sender" in flat(browser.get(page))
    answer = browser.post(page, headers=REGION)
    html = flat(answer)
    for words in (
        "http://in.example.test/x leads into a private network, which your clients cannot reach.",
        "There is no such site: http://nobody.test/",
        "example.com has no SPF record.",
        "example.com has no DMARC record",
        "SpamAssassin gives it 0.4 points",
        "Links and sender were checked",
    ):
        assert words in html
    assert "unsubscribe" not in "".join(MessageCheck.objects.get().links)
    assert b"anna@example.com" in spamd.heard
    assert browser.post(page)["Location"] == page
    for place in (f"/messages/{linked.pk}/preview/", f"/messages/{linked.pk}/edit/", page):
        assert "leads into a private network" in flat(browser.get(place))


@pytest.mark.django_db
def test_while_it_is_under_way_the_page_looks_again_and_then_gives_up(browser, linked):
    check = MessageCheck.objects.create(message=linked, requested_at=timezone.now())
    page = f"/messages/{linked.pk}/check/"
    for html in (flat(browser.get(page)), flat(browser.get(page, headers=REGION))):
        assert 'hx-trigger="load delay:2s"' in html
        assert "are being checked" in html
    check.requested_at -= background.LOST
    check.save()
    html = flat(browser.get(page, headers=REGION))
    assert "hx-trigger" not in html
    assert "could not be checked" in html


@pytest.mark.django_db(transaction=True)
def test_saving_and_the_last_step_ask_by_themselves_and_once_a_day(owner, browser, linked, time_machine):
    client = ClientFactory(owner=owner)
    data = {"message": linked.pk, "clients": [client.pk], "period": "once", "starts_at": "2026-01-01T09:00",
            "time_zone": "Europe/Moscow"}  # fmt: skip
    assert "Check before sending" in flat(browser.post("/mailings/new/", data))
    first = MessageCheck.objects.get().requested_at
    save = {"subject": "News", "format": "html", "body": linked.body, "do": "save"}
    browser.post(f"/messages/{linked.pk}/edit/", save)
    assert MessageCheck.objects.get().requested_at == first
    browser.post(
        f"/messages/{linked.pk}/edit/", {**save, "body": linked.body + '<a href="http://new.test/">x</a>'}
    )
    second = MessageCheck.objects.get()
    assert (second.requested_at > first, "http://new.test/" in second.links) == (True, True)
    assert (
        "<form"
        not in flat(browser.post("/mailings/new/", data))
        .split('id="network-check"')[1]
        .split("</section>")[0]
    )


@pytest.mark.django_db
def test_a_check_of_another_owner_s_message_is_refused(stranger, client_of, linked):
    assert client_of(stranger).post(f"/messages/{linked.pk}/check/").status_code == 404
    assert not MessageCheck.objects.exists()


@pytest.mark.django_db
def test_nobody_checks_without_end(browser, linked, settings):
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "message_check": "1/h/user"}
    page = f"/messages/{linked.pk}/check/"
    browser.post(page)
    first = MessageCheck.objects.get().requested_at
    assert "Too many checks in one hour" in flat(browser.post(page, follow=True))
    assert MessageCheck.objects.get().requested_at == first


def test_a_score_has_its_reasons(spamd):
    assert score_of(b"Subject: x\r\n\r\nx") == {
        "score": 0.4,
        "limit": 5.0,
        "rules": ["HTML_MESSAGE", "MIME_X"],
    }
    assert spamd.heard == b"SYMBOLS SPAMC/1.5\r\nContent-length: 15\r\n\r\nSubject: x\r\n\r\nx"


def test_no_score_is_said(spamd, settings):
    spamd.says = b"SPAMD/1.0 76 Bad header line\r\n\r\n"
    with pytest.raises(SpamdAway, match="Bad header"):
        score_of(b"x")
    settings.SPAMD = ("127.0.0.1", 1)
    with pytest.raises(SpamdAway):
        score_of(b"x")
