"""Which links are asked, and what is said of the answers."""

import time

import pytest

from mailer.checking import fetching
from mailer.checking.fetching import fetch, is_public
from testing.web_server import OK, WebServer, status


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
