"""What DNS says of a domain in From: SPF, DKIM and DMARC."""

from io import StringIO

import pytest
from django.core.management import call_command

from mailer.checking.dmarc import is_aligned, policy_for, walk
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
        ({"co.test": "p=none; psd=y", "test": "p=reject"}, "co.test", "co.test", "co.test"),
        ({MAIL: "p=none; psd=n", ONE: "p=reject"}, MAIL, MAIL, MAIL),
        ({MAIL: "p=none; psd=u", ONE: "p=reject; psd=x"}, SUB, ONE, ONE),
        ({"com": "p=none; psd=y"}, SUB, "com", ONE),
        ({ONE: "p=reject"}, "A.Mail.Example.COM.", ONE, ONE),
        ({}, MAIL, None, MAIL),
        ({MAIL: "p=none; psd=y", ONE: "p=none"}, SUB, MAIL, SUB),  # a suffix below another record
    ],
)
def test_what_the_walk_finds(dns, records, domain, found, organization):
    for name, tags in records.items():
        dns.txt(f"_dmarc.{name}", f"v=DMARC1; {tags}", "something else")
    record, org = walk(domain)
    assert (record and record.domain, org) == (found, organization)


@pytest.mark.parametrize(
    "texts",
    [
        ["v=DMARC1; p=reject", "v=DMARC1; p=none"], ["v=dmarc1; p=reject"], ["p=reject; v=DMARC1"],
        ["x; v=DMARC1; p=reject"], ["v=DMARC10; p=reject"],
    ],
)  # fmt: skip
def test_a_record_that_does_not_count(dns, texts):
    """Several of one name, or one that does not begin with its version."""
    dns.txt("_dmarc.example.com", *texts)
    assert walk("example.com") == (None, "example.com")


@pytest.mark.parametrize("labels", [7, 8, 9, 12])
def test_there_are_at_most_eight_questions(dns, labels):
    domain = ".".join(["a"] * (labels - 2) + ["example", "com"])
    walk(domain)
    names = [name.removeprefix("_dmarc.") for name, _kind in dns.asked]
    assert [name.count(".") + 1 for name in names] == [labels, *range(min(labels - 1, 7), 0, -1)]


@pytest.mark.parametrize(
    ("tags", "own", "below", "none_such"),
    [
        ("p=reject", "reject", "reject", "reject"),
        ("p=reject; sp=quarantine", "reject", "quarantine", "quarantine"),
        ("p=none; sp=quarantine; np=reject", "none", "quarantine", "reject"),
        ("p=quarantine; np=reject", "quarantine", "quarantine", "reject"),
        ("P = Reject ; SP = None", "reject", "none", "none"),
        ("p=reject; sp=quarantine; np=none; t=y", "quarantine", "none", "none"),
        ("p=none; t=y", "none", "none", "none"),
        ("p=reject; t=n; pct=10", "reject", "reject", "reject"),
        ("rua=mailto:a@example.com", "none", "none", "none"),
        ("p=deny; rua=mailto:a@example.com", "none", "none", "none"),
        ("p=deny; rua=a@example.com", None, None, None),
        ("p=deny", None, None, None),
        ("p=reject; sp=", None, None, None),
        ("p=reject; np=all", None, None, None),
    ],
)
def test_what_the_record_asks_for(dns, tags, own, below, none_such):
    dns.txt("_dmarc.example.com", f"v=DMARC1; {tags}")
    dns.records["mail.example.com", "MX"] = ["10 mx.example.com."]
    asked = {domain: policy_for(domain, record_of(domain)) for domain in (ONE, MAIL, "none.example.com")}
    assert list(asked.values()) == [own, below, none_such]


def record_of(domain):
    record = walk(domain).record
    assert record
    return record


def test_the_policy_of_a_suffix_is_for_those_below(dns):
    dns.txt("_dmarc.co.test", "v=DMARC1; p=reject; sp=quarantine; psd=y")
    dns.records["me.co.test", "A"] = ["192.0.2.1"]
    asked = {domain: policy_for(domain, record_of(domain)) for domain in ("co.test", "me.co.test")}
    assert asked == {"co.test": "reject", "me.co.test": "quarantine"}


def test_an_own_record_is_not_a_subdomains(dns):
    """What `sp` of a subdomain's record says is ignored, and so is what the organization says."""
    dns.txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=reject")
    dns.txt("_dmarc.mail.example.com", "v=DMARC1; p=none; sp=quarantine")
    assert policy_for(MAIL, record_of(MAIL)) == "none"
    assert policy_for(SUB, record_of(SUB)) == "reject"


def test_while_nobody_answers_nothing_is_concluded(dns):
    dns.broken = True
    with pytest.raises(DnsAway):
        walk("example.com")


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
        ("example.com", "p=deny", "dmarc_invalid"),
        ("acme.test", "p=quarantine; t=y", "dmarc_none"),
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
