"""Whom mail says it is from: domains proved by DNS, addresses proved by a link, and what is sent then."""

import email
import email.policy
import re
import time
from datetime import timedelta
from io import StringIO
from threading import Event
from threading import enumerate as enumerate_threads

import dkim
import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from mailer import tasks
from mailer.models import Mailing, ReplyAddress, SenderDomain
from mailer.senders import domains, replies
from people.models import Notification, OutgoingEmail
from site_config.dkim import Signer, load_key
from site_config.environment import dkim_keys
from testing.dns_server import DnsServer
from testing.factories import ClientFactory, MailingFactory, MessageFactory
from testing.pages import flat
from testing.sending import make_mailing


@pytest.fixture
def dns(settings):
    settings.DEFAULT_FROM_EMAIL, settings.ACCOUNT_FROM_EMAIL = (
        "Us <us@mail.example.com>",
        "who@accounts.example.com",
    )
    cache.clear()
    with DnsServer() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


@pytest.fixture
def acme(owner):
    return SenderDomain.objects.create(owner=owner, domain="acme.test", state="proved")


def publish(dns, row):
    dns.txt(row.record_name, "something else", row.record_value)


def state(row):
    row.refresh_from_db()
    return row.state


@pytest.mark.django_db(transaction=True)
def test_a_domain_is_proved_by_its_record(dns, browser, owner):
    answer = browser.post("/senders/", {"add": "domain", "domain": " ACME.test. "}, follow=True)
    row = SenderDomain.objects.get()
    assert (row.owner, row.domain, row.state) == (owner, "acme.test", "pending")
    html = flat(answer)
    assert (row.record_name in html, row.record_value in html) == (True, True)
    assert "Not found yet" in html
    page = f"/senders/domains/{row.pk}/"
    browser.post(page)
    assert state(row) == "pending"
    dns.txt(row.record_name, row.record_value[:-1], row.record_value + "x")
    browser.post(page)
    assert state(row) == "pending"
    publish(dns, row)
    headers = {"HX-Request": "true", "HX-Target": f"domain-{row.pk}"}
    html = flat(browser.post(page, headers=headers))
    assert state(row) == "proved"
    assert ">verified<" in html
    assert "acme.test has no DMARC record" in html
    assert row.record_value not in html


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ("", "This field is required."),
        ("no dots", "is not a domain name"),
        ("localhost", "is not a domain name"),
        ("a@acme.test", "is not a domain name"),
        ("acme.test\r\nX: y", "is not a domain name"),
        ("x" * 400 + ".test", "at most 300 characters"),
        ("mail.example.com", "belongs to the service itself"),
        ("sub.mail.example.com", "belongs to the service itself"),
        ("accounts.example.com", "belongs to the service itself"),
        ("example.com", "belongs to the service itself"),
        ("<b>.test", "is not a"),
        ("acme\u202e.test", "is not a domain name"),
    ],
)
def test_what_is_no_domain_or_nobody_s_is_refused(dns, browser, domain, says):
    answer = browser.post("/senders/", {"add": "domain", "domain": domain})
    assert answer.status_code == 422
    assert says in flat(answer).replace("&quot;", '"')
    assert not SenderDomain.objects.exists()


@pytest.mark.django_db
def test_the_same_domain_again_is_told_and_twenty_are_enough(dns, browser, owner):
    for _ in range(2):
        answer = browser.post("/senders/", {"add": "domain", "domain": "acme.test"})
    assert answer.status_code == 422
    assert "You already have this domain." in flat(answer)
    for n in range(19):
        SenderDomain.objects.create(owner=owner, domain=f"d{n}.test")
    assert "You have 20 domains" in flat(browser.post("/senders/", {"add": "domain", "domain": "more.test"}))


@pytest.mark.django_db
def test_another_owner_needs_a_record_of_their_own(dns, acme, stranger):
    publish(dns, acme)
    theirs = SenderDomain.objects.create(owner=stranger, domain="acme.test")
    assert theirs.token != acme.token
    domains.look_up(theirs.pk)
    assert state(theirs) == "pending"
    dns.txt(acme.record_name, acme.record_value, theirs.record_value)
    domains.look_up(theirs.pk)
    assert (state(theirs), state(acme)) == ("proved", "proved")


@pytest.mark.django_db
def test_a_record_that_is_gone_for_a_day_loses_the_domain_and_comes_back(dns, acme, time_machine):
    publish(dns, acme)
    domains.look_again()
    assert state(acme) == "proved"
    dns.records.clear()
    begin = timezone.now()
    for hours, expected in ((7, "proved"), (20, "proved"), (32, "lost")):
        time_machine.move_to(begin + timedelta(hours=hours))
        domains.look_again()
        assert state(acme) == expected
    publish(dns, acme)
    time_machine.move_to(begin + timedelta(hours=40))
    domains.look_again()
    assert (state(acme), acme.missing_since) == ("proved", None)


@pytest.mark.django_db
def test_no_dns_loses_nobody(dns, acme, time_machine):
    dns.broken = True
    begin = timezone.now()
    for days in (1, 2, 3):
        time_machine.move_to(begin + timedelta(days=days))
        domains.look_again()
    assert (state(acme), acme.no_answer) == ("proved", True)


@pytest.mark.django_db
def test_one_domain_s_trouble_is_never_another_s(dns, owner, acme, monkeypatch, time_machine):
    odd = SenderDomain.objects.create(owner=owner, domain="a.test")
    told = "mailer.senders.domains.check_domain"
    monkeypatch.setattr(told, lambda name: [] if name == "acme.test" else 1 / 0)
    publish(dns, acme)
    domains.look_again()
    odd.refresh_from_db()
    acme.refresh_from_db()
    assert (odd.checked_at, bool(acme.checked_at)) == (None, True)


# What is sent


def sent(smtp):
    return email.message_from_bytes(smtp.mails[-1].content, policy=email.policy.default)


@pytest.fixture
def send(owner, smtp):
    def go(**fields):
        make_mailing(owner, [ClientFactory(owner=owner)], **fields)
        return sent(smtp)

    return go


@pytest.mark.django_db(transaction=True)
def test_without_a_domain_it_is_the_service_s_address(dns, send):
    found = send()
    assert found["From"] == "Olga Owner via Us <us@mail.example.com>"
    assert found["Reply-To"] == "Olga Owner <owner@example.com>"


@pytest.mark.django_db(transaction=True)
def test_with_a_proved_domain_it_is_one_s_own(dns, send, acme, owner):
    reply = ReplyAddress.objects.create(owner=owner, email="desk@acme.test", confirmed_at=timezone.now())
    found = send(from_domain=acme, from_local="news", reply_to=reply)
    assert found["From"] == "Olga Owner <news@acme.test>"
    assert found["Reply-To"] == "Olga Owner <desk@acme.test>"
    attempt = Mailing.objects.get().attempts.get()
    assert (attempt.from_address, attempt.reply_to) == ("news@acme.test", "desk@acme.test")


@pytest.mark.django_db
def test_whoever_loses_a_domain_is_told_once(dns, acme, owner):
    SenderDomain.objects.filter(pk=acme.pk).update(missing_since=timezone.now() - timedelta(days=2))
    for _ in range(2):
        domains.look_up(acme.pk)
    assert state(acme) == "lost"
    told = Notification.objects.get()
    assert (told.user, told.kind, told.path, told.values) == (
        owner,
        "domain_lost",
        "/senders/",
        {"domain": "acme.test"},
    )
    [mailed] = OutgoingEmail.objects.filter(to=owner.email)
    assert mailed.subject == "No longer verified: acme.test"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_round", [False, True])
def test_a_slow_resolver_holds_up_no_worker(acme, monkeypatch, by_round):
    over, asked, known = Event(), [], enumerate_threads()

    def slow(name):
        asked.append(name)
        over.wait(20)
        return [acme.record_value]

    monkeypatch.setattr(domains, "text_records", slow)
    monkeypatch.setattr(domains, "check_domain", lambda _domain: [])
    monkeypatch.setattr(HUEY, "immediate", False)
    began = time.monotonic()
    for _ in range(2):
        tasks.look_at_sender_domains.call_local() if by_round else tasks.check_sender_domain.call_local(
            acme.pk
        )
    assert time.monotonic() - began < 5  # not the twenty seconds of the resolver
    aside = set(enumerate_threads()) - set(known)
    assert len(aside) == (1 if by_round else 2)  # a second round is not begun beside the first
    over.set()
    for thread in aside:
        thread.join(20)
    assert len(asked) == len(aside)
    acme.refresh_from_db()
    assert acme.checked_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["pending", "lost"])
def test_what_is_not_proved_is_not_used(dns, send, acme, owner, how):
    SenderDomain.objects.filter(pk=acme.pk).update(state=how)
    acme.refresh_from_db()
    reply = ReplyAddress.objects.create(owner=owner, email="desk@acme.test")
    found = send(from_domain=acme, from_local="news", reply_to=reply)
    assert found["From"] == "Olga Owner via Us <us@mail.example.com>"
    assert found["Reply-To"] == "Olga Owner <owner@example.com>"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("keys", "domains_"),
    [
        ("news:{own}", ["mail.example.com"]),
        ("news:{own}, x@acme.test:{acme}", ["mail.example.com", "acme.test"]),
        ("x@acme.test:{acme}", ["acme.test"]),
        ("x@other.test:{acme}", []),
    ],
)
def test_a_key_of_the_domain_signs_for_it(
    dns, send, smtp, acme, settings, tmp_path, monkeypatch, keys, domains_
):
    files = {}
    for name in ("own", "acme"):
        call_command(
            "dkim_key", "x", str(tmp_path / name), type="ed25519", domain="x.test", stdout=StringIO()
        )
        files[name] = tmp_path / name
    monkeypatch.setenv("MAIL_DKIM_KEYS", keys.format(**files))
    settings.MAIL_DKIM_KEYS, settings.MAIL_DKIM_DOMAIN = dkim_keys("MAIL_DKIM_KEYS"), "mail.example.com"
    send(from_domain=acme, from_local="news")
    content = smtp.mails[-1].content
    signed = re.findall(rb"d=([a-z.]+); s=([a-z]+);", content)
    assert [domain.decode() for domain, _selector in signed] == domains_
    for index, (domain, selector) in enumerate(signed):
        path = files["own" if domain == b"mail.example.com" else "acme"]
        record = Signer(selector.decode(), domain.decode(), load_key(path)).record[1].encode()
        verifier = dkim.DKIM(content)
        assert verifier.verify(idx=index, dnsfunc=lambda _name, timeout=5, record=record: record)


@pytest.mark.django_db(transaction=True)
def test_mail_from_a_domain_whose_policy_rejects_is_told_before(dns, browser, owner, acme):
    publish(dns, acme)
    dns.txt("_dmarc.acme.test", "v=DMARC1; p=reject")
    domains.look_up(acme.pk)
    data = form_of(owner, starts_at="2026-01-01T09:00", from_local="news", from_domain=acme.pk)
    html = flat(browser.post("/mailings/new/", data))
    assert "Olga Owner &lt;news@acme.test&gt;" in html
    assert "Mail from acme.test fails DMARC, whose policy there is “reject”" in html


# The form


def form_of(owner, **fields):
    chosen = {"message": MessageFactory(owner=owner).pk, "clients": [ClientFactory(owner=owner).pk]}
    dates = {"period": "once", "starts_at": "2030-01-01T09:00", "time_zone": "Europe/Moscow"}
    return {**chosen, **dates, **fields}


@pytest.mark.django_db
def test_a_mailing_chooses_its_sender(dns, browser, owner, acme):
    page = browser.get("/mailings/new/")
    assert 'name="from_local"' in flat(page)
    browser.post("/mailings/new/", form_of(owner, from_local="News", from_domain=acme.pk))
    assert Mailing.objects.get().from_address == "news@acme.test"


@pytest.mark.django_db
def test_who_has_nothing_to_choose_is_not_asked(dns, browser, owner):
    SenderDomain.objects.create(owner=owner, domain="acme.test")
    ReplyAddress.objects.create(owner=owner, email="desk@acme.test")
    assert 'name="from_local"' not in flat(browser.get("/mailings/new/"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "local",
    ["", "a b", "a@b", "a..b", ".a", "a\r\nBcc: x@y.z", "x" * 65, "<b>", "я", "a\u202eb", '"a"', "a,b"],
)
def test_a_local_part_is_plain(dns, browser, owner, acme, local):
    answer = browser.post("/mailings/new/", form_of(owner, from_local=local, from_domain=acme.pk))
    assert answer.status_code == 422
    assert not Mailing.objects.exists()


@pytest.mark.django_db
def test_what_is_another_s_or_not_proved_cannot_be_chosen(dns, browser, owner, stranger):
    theirs = SenderDomain.objects.create(owner=stranger, domain="acme.test", state="proved")
    pending = SenderDomain.objects.create(owner=owner, domain="acme.test")
    reply = ReplyAddress.objects.create(owner=stranger, email="x@acme.test", confirmed_at=timezone.now())
    unsaid = ReplyAddress.objects.create(owner=owner, email="y@acme.test")
    for fields in (
        {"from_domain": theirs.pk, "from_local": "a"}, {"from_domain": pending.pk, "from_local": "a"},
        {"reply_to": reply.pk}, {"reply_to": unsaid.pk}, {"reply_to": "x"},
    ):  # fmt: skip
        assert browser.post("/mailings/new/", form_of(owner, **fields)).status_code == 422
    assert not Mailing.objects.exists()


@pytest.mark.django_db
def test_a_domain_that_is_deleted_leaves_its_mailings(dns, browser, owner, acme):
    mailing = MailingFactory(message__owner=owner, from_domain=acme, from_local="news")
    browser.post(f"/senders/domains/{acme.pk}/", {"do": "delete"})
    mailing.refresh_from_db()
    assert (mailing.from_domain, mailing.from_address) == (None, "")


# Replies


def link_in(message):
    return re.search(r"http://testserver(/replies/[^/\s]+/)", message.body)[1]


@pytest.mark.django_db(transaction=True)
def test_an_address_counts_when_its_reader_says_yes(dns, browser, client_of, stranger, client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    browser.post("/senders/", {"add": "address", "email": "desk@acme.test"})
    row = ReplyAddress.objects.get()
    [asked] = mail.outbox
    assert (asked.to, asked.from_email) == (["desk@acme.test"], "who@accounts.example.com")
    link = link_in(asked)
    assert client.get(link).status_code == 200
    row.refresh_from_db()
    assert row.confirmed_at is None
    for _ in range(2):
        assert "can go to" in flat(client.post(link))
    row.refresh_from_db()
    assert row.confirmed_at


@pytest.mark.django_db(transaction=True)
def test_a_link_is_good_for_three_days_and_one_address(dns, owner, client, settings, time_machine):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    row = ReplyAddress.objects.create(owner=owner, email="desk@acme.test")
    replies.ask(row)
    link = link_in(mail.outbox[0])
    assert client.post(link[:-4] + "xxx/").status_code == 404
    time_machine.move_to(timezone.now() + timedelta(days=3, minutes=1))
    assert client.post(link).status_code == 404
    row.refresh_from_db()
    assert row.confirmed_at is None


@pytest.mark.django_db(transaction=True)
def test_the_address_one_logs_in_with_is_confirmed_at_once(dns, browser, owner, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    browser.post("/senders/", {"add": "address", "email": "Owner@example.com"})
    assert ReplyAddress.objects.get().confirmed_at
    assert mail.outbox == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["", "x", "a@b", "a@acme.test\r\nBcc: b@c.de", "x" * 400 + "@acme.test", "<b>@c.de"]
)
def test_what_is_no_address_is_refused(dns, browser, address):
    assert browser.post("/senders/", {"add": "address", "email": address}).status_code == 422
    assert not ReplyAddress.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["Who@accounts.example.com", "us@mail.example.com"])
def test_no_reply_goes_to_the_service_s_own_addresses(dns, browser, address):
    answer = browser.post("/senders/", {"add": "address", "email": address})
    assert (answer.status_code, ReplyAddress.objects.count()) == (422, 0)
    assert "This address belongs to the service itself." in flat(answer)


@pytest.mark.django_db
def test_nobody_can_have_strangers_mailed_without_end(dns, browser, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    for n in range(11):
        answer = browser.post("/senders/", {"add": "address", "email": f"{n}@acme.test"})
    assert (answer.status_code, "Too often." in flat(answer)) == (422, True)
    assert ReplyAddress.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_one_stranger_is_mailed_five_times_a_day_whoever_asks(dns, owner, stranger, client_of, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    for user in (owner, stranger):
        client_of(user).post("/senders/", {"add": "address", "email": "desk@acme.test"})
    rows = list(ReplyAddress.objects.order_by("pk"))
    for row in [*rows, *rows, *rows]:
        answer = client_of(row.owner).post(f"/senders/replies/{row.pk}/", follow=True)
    assert [message.to for message in mail.outbox] == [["desk@acme.test"]] * 5
    assert "Too often." in flat(answer)


@pytest.mark.django_db
def test_as_many_queries_for_ten_domains_as_for_one(dns, browser, owner, django_assert_max_num_queries):
    for number in (1, 10):
        for n in range(SenderDomain.objects.count(), number):
            SenderDomain.objects.create(owner=owner, domain=f"d{n}.test")
            ReplyAddress.objects.create(owner=owner, email=f"{n}@acme.test")
        with django_assert_max_num_queries(8):
            assert browser.get("/senders/").status_code == 200
