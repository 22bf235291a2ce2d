"""What DNS says of a domain in From: SPF, DKIM and DMARC."""

from io import StringIO

import pytest
from django.core.management import call_command

from mailer.checking.dmarc import is_aligned, walk
from mailer.checking.network import sender_findings
from mailer.checking.sender import check_domain
from site_config.dkim import Signer, load_key
from site_config.dns import DnsAway, addresses, text_records


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
