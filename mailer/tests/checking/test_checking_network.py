"""The part of a check that asks the network: real servers of DNS, HTTP and spamd on loopback."""

import socket
import time
from contextlib import suppress
from io import StringIO
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from mailer.checking import background, fetching
from mailer.checking.dmarc import is_aligned, walk
from mailer.checking.fetching import Verdict, fetch, is_public
from mailer.checking.network import sender_findings
from mailer.checking.sender import check_domain
from mailer.checking.spam import SpamdAway, score_of
from mailer.models import MessageCheck
from mailer.tasks import check_message
from site_config.dkim import Signer, load_key
from site_config.dns import DnsAway, addresses, text_records
from testing.dns_server import DnsServer
from testing.factories import ClientFactory, MessageFactory
from testing.pages import flat
from testing.web_server import OK, WebServer, status

REGION = {"HX-Request": "true", "HX-Target": "network-check"}


@pytest.fixture
def dns(settings):
    with DnsServer() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


@pytest.fixture
def web(dns):
    """A site at www.example.test, which a test may ask although it stands on loopback."""
    with WebServer() as server:
        dns.records["www.example.test", "A"] = ["127.0.0.1"]
        server.url = f"http://www.example.test:{server.port}/"
        yield server


def test_text_is_put_together_and_nothing_is_none(dns):
    dns.txt("long.example", "a" * 450)
    dns.txt("two.example", "one", "two")
    assert text_records("long.example") == ["a" * 450]
    assert sorted(text_records("two.example")) == ["one", "two"]
    assert text_records("none.example") == []
    assert text_records("a..b") == []
    assert text_records("x" * 300) == []


def test_no_answer_is_not_the_answer_no(dns, settings, monkeypatch):
    monkeypatch.setattr("site_config.dns.SECONDS", 0.3)
    dns.broken = True
    with pytest.raises(DnsAway):
        text_records("example.com")
    dns.broken, dns.silent = False, True
    with pytest.raises(DnsAway):
        addresses("example.com")
    settings.DNS_SERVERS = []
    with pytest.raises(DnsAway):
        addresses("example.com")
    assert addresses("[::1]") == ["::1"]


@pytest.mark.parametrize(
    ("address", "port", "public"),
    [
        *((address, 443, True) for address in ("93.184.216.34", "2606:2800:220:1::1", "::ffff:5db8:d822")),
        *(("93.184.216.34", port, port == 80) for port in (80, 22, 6379)),
        *(
            (address, 80, False)
            for address in (
                "127.0.0.1", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                "0.0.0.0", "192.0.2.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
                "fd00::1", "ff02::1",
                "2001:db8::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::7f00:1",
            )
        ),
    ],
)  # fmt: skip
def test_only_what_everybody_can_reach_is_asked(address, port, public):
    assert is_public(address, port) is public


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.1.2.3", "[::ffff:127.0.0.1]", "in.example.test"]
)
def test_a_private_address_is_never_contacted(dns, host):
    dns.records["in.example.test", "A"] = ["192.168.0.1"]
    assert fetch(f"http://{host}/").code == "private"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "nothing.test"])
def test_odd_spellings_of_loopback_are_names_that_nobody_has(dns, host):
    assert fetch(f"http://{host}/").code == "nowhere"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "http://",
        "http://u:p@a.example/",
        "http://[1]/",
        "http://a.example:99999/",
        "//x",
        "http://" + "я" * 300 + ".example/",
    ],
)
def test_what_is_no_address_of_a_page_is_not_asked(dns, url):
    assert fetch(url).code == "odd"
    assert dns.asked == []


def test_one_private_address_among_several_is_enough(dns, web):
    dns.records["www.example.test", "A"] = ["127.0.0.1", "10.0.0.1"]
    assert fetch(web.url, allowed=web.is_at).code == "private"
    assert web.connections == 0


def test_it_connects_to_the_address_that_was_looked_at(dns, web):
    """Whoever answers differently the second time (DNS rebinding) is not asked a second time."""
    with WebServer("127.0.0.2", web.port) as inside:
        dns.turns["www.example.test", "A"] = [["127.0.0.1"], ["127.0.0.2"]]
        assert fetch(web.url, allowed=web.is_at).code == "ok"
        assert dns.asked.count(("www.example.test", "A")) == 1
        assert (web.connections, inside.connections) == (1, 0)
    assert web.hosts == [f"www.example.test:{web.port}"]


@pytest.mark.parametrize(
    "onward", ["http://127.0.0.2:{port}/secret", "http://in.example.test:{port}/", "http://[::1]/"]
)
def test_a_redirect_to_a_private_address_is_not_followed(dns, web, onward):
    dns.records["in.example.test", "A"] = ["127.0.0.2"]
    with WebServer("127.0.0.2", web.port) as inside:
        web.answer = lambda _method, _path: status(302, Location=onward.format(port=web.port))
        assert fetch(web.url, allowed=web.is_at).code == "private"
        assert inside.connections == 0


@pytest.mark.parametrize(
    ("answers", "verdict", "asked"),
    [
        ({"HEAD": OK}, ("ok", ""), ["HEAD"]),
        ({"HEAD": status(405), "GET": OK}, ("ok", ""), ["HEAD", "GET"]),
        ({"HEAD": status(404), "GET": status(404)}, ("status", "404"), ["HEAD", "GET"]),
        ({"HEAD": b"", "GET": OK}, ("ok", ""), ["HEAD", "GET"]),
        ({"HEAD": b"nonsense\r\n\r\n", "GET": b"\xff" * 100}, ("away", ""), ["HEAD", "GET"]),
        ({"HEAD": status(302, Location="/"), "GET": OK}, ("loop", ""), ["HEAD"] * 6),
        ({"HEAD": status(302)}, ("ok", ""), ["HEAD"]),
        ({"HEAD": status(302, Location="http://nobody.test/")}, ("nowhere", ""), ["HEAD"]),
        ({"HEAD": status(302, Location="file:///etc/passwd")}, ("odd", ""), ["HEAD"]),
    ],
)  # fmt: skip
def test_head_then_get_and_what_comes_of_it(web, answers, verdict, asked):
    web.answer = lambda method, _path: answers.get(method, OK)
    assert fetch(web.url, allowed=web.is_at) == verdict
    assert [method for method, _path in web.asked] == asked


def test_what_stands_in_an_address_cannot_become_a_second_request(web):
    assert fetch(f"{web.url}a b\r\nX: y?п=1 2", allowed=web.is_at).code == "ok"
    assert web.asked == [("HEAD", "/a%20bX:%20y?%D0%BF=1%202")]


def test_who_drips_is_cut_off(web, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    web.drip = 0.2
    begun = time.monotonic()
    assert fetch(web.url, allowed=web.is_at).code == "away"
    assert time.monotonic() - begun < 4


def test_who_shows_no_good_certificate_is_told_so(web):
    assert fetch(web.url.replace("http:", "https:"), allowed=web.is_at).code == "tls"


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


# DMARC's walk (RFC 9989 section 4.10)


def test_the_walk_asks_upwards_and_leaves_the_middle_of_long_names_out(dns):
    walk("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert [name for name, _kind in dns.asked] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com", "_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com",
    ]  # fmt: skip


ONE, MAIL, SUB = "example.com", "mail.example.com", "a.mail.example.com"


@pytest.mark.parametrize(
    ("records", "domain", "found", "organization"),
    [
        ({ONE: "p=reject"}, SUB, ONE, ONE),
        ({ONE: "p=reject", MAIL: "p=none"}, MAIL, MAIL, ONE),
        ({ONE: "p=none", MAIL: "p=none; psd=n"}, SUB, MAIL, MAIL),
        ({MAIL: "p=reject", ONE: "p=none"}, SUB, ONE, ONE),
        ({"co.test": "p=none; psd=y", "me.co.test": "p=none"}, "a.me.co.test", "me.co.test", "me.co.test"),
        ({"co.test": "p=quarantine; psd=y"}, "a.me.co.test", "co.test", "me.co.test"),
        ({"co.test": "p=none; psd=y"}, "co.test", "co.test", "co.test"),
        ({}, MAIL, None, MAIL),
    ],
)
def test_what_the_walk_finds(dns, records, domain, found, organization):
    for name, tags in records.items():
        dns.txt(f"_dmarc.{name}", f"v=DMARC1; {tags}", "something else")
    record, org = walk(domain)
    assert (record and record.domain, org) == (found, organization)


def test_of_several_records_none_counts(dns):
    dns.txt("_dmarc.example.com", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    assert walk("example.com") == (None, "example.com")


def test_alignment(dns):
    dns.txt("_dmarc.example.com", "v=DMARC1; p=none")
    dns.txt("_dmarc.other.test", "v=DMARC1; p=none")
    assert is_aligned("a.example.com", "b.example.com", strict=False)
    assert not is_aligned("a.example.com", "b.example.com", strict=True)
    assert not is_aligned("example.com", "other.test", strict=False)


# The sender's domain


def codes(domain="example.com"):
    return [told["code"] for told in check_domain(domain)]


@pytest.fixture
def sender(settings, dns):
    settings.DEFAULT_FROM_EMAIL = "Us <news@example.com>"
    return dns


@pytest.mark.parametrize(
    ("spf", "code"),
    [
        ([], "spf_missing"), (["v=spf1 mx -all"], "spf_ok"), (["v=spf1 +all"], "spf_everybody"),
        (["v=spf1 a -all", "V=SPF1 mx -all"], "spf_several"), (["v=spf10 x"], "spf_missing"),
    ],
)  # fmt: skip
def test_spf(sender, spf, code):
    sender.txt("example.com", "another record", *spf)
    assert codes()[0] == code


def test_dkim_is_compared_with_what_is_published(sender, settings, tmp_path):
    assert codes()[1] == "dkim_none"
    [own, other] = [dkim_key(tmp_path / name) for name in ("own", "other")]
    settings.MAIL_DKIM_KEYS, settings.MAIL_DKIM_DOMAIN = [("news", str(tmp_path / "own"))], "example.com"
    assert codes()[1] == "dkim_missing"
    sender.txt("news._domainkey.example.com", other)
    assert codes()[1] == "dkim_other"
    sender.txt("news._domainkey.example.com", own)
    assert codes()[1] == "dkim_ok"


def dkim_key(path):
    call_command("dkim_key", "news", str(path), type="ed25519", domain="example.com", stdout=StringIO())
    return Signer("news", "example.com", load_key(path)).record[1]


@pytest.mark.parametrize(
    ("domain", "record", "code"),
    [
        ("example.com", "", "dmarc_missing"),
        ("example.com", "p=none", "dmarc_none"),
        ("example.com", "p=reject", "dmarc_ok"),
        ("acme.test", "p=reject", "dmarc_fails"),
        ("acme.test", "p=none", "dmarc_none"),
    ],
)
def test_dmarc(sender, domain, record, code):
    if record:
        sender.txt(f"_dmarc.{domain}", f"v=DMARC1; {record}")
    assert codes(domain)[-1] == code


def test_without_dns_it_says_so(sender):
    sender.broken = True
    told = check_domain("example.com")
    assert [finding.text for finding in sender_findings(told)] == [
        "No DNS server answers: nothing is known about example.com."
    ]


def test_of_a_name_of_this_machine_nobody_is_asked(sender, settings):
    settings.DEFAULT_FROM_EMAIL = "us@localhost.localdomain"
    [finding] = sender_findings(check_domain("localhost.localdomain"))
    assert (finding.severity, sender.asked) == ("note", [])


@pytest.mark.parametrize("domain", ["example.com", "acme.test"])
def test_every_code_has_its_words(sender, domain):
    for told in check_domain(domain):
        assert len(sender_findings([told])) == 1
        assert domain in sender_findings([told])[0].text or "example.com" in sender_findings([told])[0].text


# A spam filter


@pytest.fixture
def spamd(settings):
    """Answers with what `spamd.says` is."""
    listening = socket.create_server(("127.0.0.1", 0))
    settings.SPAMD = listening.getsockname()

    class Spamd:
        says = b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.4 / 5.0\r\n\r\nHTML_MESSAGE,MIME_X\r\n"
        heard = b""

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    while data := connection.recv(65_536):
                        Spamd.heard += data
                    connection.sendall(Spamd.says)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    yield Spamd
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


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


# All of it, on the page


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
