"""Registration, confirmation, log-in, passwords and addresses."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail, signing
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from people.accounts import mark_verified
from people.forms.entrance import Signup
from people.models import AuditEntry, User
from testing.accounts import LOGIN, NEW, SENT, SIGNUP, link_in, log_in, reauthenticate
from testing.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)  # emails leave on commit
WRONG = "The email address and/or password you specified are not correct."


def test_the_walk_from_registering_to_logging_in():
    browser = Browser()
    answer = browser.post(SIGNUP, NEW)
    assert (answer.status_code, answer["Location"]) == (302, SENT)
    assert b"Check your email" in browser.get(SENT).content
    user = User.objects.get()
    assert (user.email, user.name, user.time_zone, user.language) == (
        "nina@example.com",
        "Nina New",
        "Asia/Tokyo",
        "en",
    )
    early = log_in("nina@example.com", "correct-horse-7")
    assert (early.status_code, early["Location"]) == (302, SENT)
    [message] = mail.outbox  # logging in at once sends no second one
    assert (message.to, message.subject) == (["nina@example.com"], "Confirm your email address")
    link = link_in(message)
    assert b"<strong>nina@example.com</strong> your address?" in browser.get(link).content
    assert not EmailAddress.objects.get().verified
    answer = browser.post(link)
    assert (answer.status_code, answer["Location"]) == (302, reverse("start"))
    assert browser.get(reverse("mailings")).status_code == 200
    assert log_in("NINA@example.com", "correct-horse-7")["Location"] == reverse("start")
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "actor", "address")) == [
        ("signed_up", "nina@example.com", "127.0.0.1"),
        ("confirmed", "nina@example.com", "127.0.0.1"),
        ("logged_in", "nina@example.com", "127.0.0.1"),
        ("logged_in", "nina@example.com", "127.0.0.1"),
    ]


def test_who_writes_the_blog_begins_in_the_administration():
    editor = UserFactory(email="editor@example.com", is_staff=True)
    mark_verified(editor)
    assert log_in(editor.email, PASSWORD)["Location"] == reverse("admin:index")
    login = {"login": editor.email, "password": PASSWORD, "next": "/blog/"}
    assert Browser().post(reverse("account_login"), login)["Location"] == "/blog/"


def test_every_account_email_is_text_and_html_and_no_mailing():
    Browser().post(SIGNUP, NEW)
    [message] = mail.outbox
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    link = link_in(message)
    assert f'href="http://testserver{link}"' in str(html)
    assert (message.from_email, message.extra_headers) == (
        "accounts@localhost.localdomain",
        {"Auto-Submitted": "auto-generated"},
    )
    assert message.message()["List-Unsubscribe"] is None


def test_the_page_s_language_becomes_the_user_s():
    Browser(headers={"accept-language": "ru"}).post(SIGNUP, NEW)
    assert User.objects.get().language == "ru"


def test_a_confirm_link_works_once_and_only_as_it_was_sent():
    browser = Browser()
    browser.post(SIGNUP, NEW)
    link = link_in(mail.outbox[0])
    altered = f"{link[:-2]}{'A' if link[-2] != 'A' else 'B'}/"
    assert b"no longer works" in browser.get(altered).content
    assert browser.post(altered).status_code == 404
    assert Browser().post(link).status_code == 302  # in another browser: confirmed, not logged in
    assert b"no longer works" in browser.get(link).content
    assert browser.post(link).status_code == 404
    assert EmailAddress.objects.filter(verified=True).count() == 1


def test_a_confirm_link_that_is_late(time_machine):
    browser = Browser()
    time_machine.move_to("2026-03-01 12:00:00+00:00")
    browser.post(SIGNUP, NEW)
    link = link_in(mail.outbox[0])
    time_machine.move_to("2026-03-04 11:59:00+00:00")
    assert b"Yes, confirm" in browser.get(link).content
    time_machine.move_to("2026-03-04 12:01:00+00:00")
    assert b"no longer works" in browser.get(link).content
    assert browser.post(link).status_code == 404
    assert not EmailAddress.objects.get().verified


def test_a_confirm_link_for_an_address_that_another_account_has_by_now(verified):
    late = UserFactory(email="late@example.com")
    address = EmailAddress.objects.create(user=late, email=verified.email)
    link = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    assert b"belongs to another account already" in Browser().get(link).content
    Browser().post(link)
    address.refresh_from_db()
    assert not address.verified


# A signed key holds the second it was made in; without an id of its own, processes name the test differently.
@pytest.mark.parametrize(
    "key", [pytest.param(signing.dumps(10**30, salt="account"), id="signed"), "x", "-:-", "a" * 5000]
)
def test_a_confirm_link_made_up(key):
    assert Browser().get(f"/accounts/confirm-email/{key}/").status_code in (200, 404)


@pytest.mark.parametrize("email", ["owner@example.com", "OWNER@Example.COM", " owner@example.com "])
def test_an_address_that_is_taken_is_told_to_nobody_but_its_owner(email, verified):
    fresh, taken = Browser(), Browser()
    answers = [fresh.post(SIGNUP, NEW), taken.post(SIGNUP, {**NEW, "email": email})]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, SENT)] * 2
    pages = [
        re.sub(rb'(name="csrfmiddlewaretoken" value=)"\w+"', rb"\1", browser.get(SENT).content)
        for browser in (fresh, taken)
    ]
    assert pages[0] == pages[1]
    assert User.objects.count() == 2
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["nina@example.com"], "Confirm your email address"),
        (["owner@example.com"], "You already have an account"),
    ]


def test_an_address_that_is_taken_costs_as_much_time(verified, monkeypatch):
    hashed = []
    real = MD5PasswordHasher.encode

    def encode(self, password, salt):
        hashed.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    Browser().post(SIGNUP, NEW)
    free = len(hashed)
    Browser().post(SIGNUP, {**NEW, "email": "owner@example.com"})
    assert len(hashed) == 2 * free > 0


def test_the_same_registration_at_the_same_instant(monkeypatch):
    """The form found the address free, but another request was faster."""
    free = property(lambda _form: False, lambda _form, _found: None)
    monkeypatch.setattr(Signup, "account_already_exists", free, raising=False)
    answers = [Browser().post(SIGNUP, NEW) for _ in range(2)]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, SENT)] * 2
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("email", "", "This field is required."),
        ("email", "nina", "Enter a valid email address."),
        ("email", "n@example.com\r\nBcc: x@example.com", "Enter a valid email address."),
        (
            "email",
            "n" * 65 + "@" + "e" * 250 + ".com",
            "Ensure this value has at most 254 characters (it has 320).",
        ),
        ("password1", "1234567", "This password is too short."),
        ("password1", "84621973465", "This password is entirely numeric."),
        ("password1", "password", "This password is too common."),
        ("password1", "nina@example.com", "The password is too similar to the email."),
        ("password2", "another-horse-7", "You must type the same password each time."),
        ("name", "a\r\nBcc: x@example.com", "Line breaks and control characters are not allowed here."),
        ("name", "n" * 151, "Ensure this value has at most 150 characters (it has 151)."),
    ],
)
def test_bad_registrations(field, value, says):
    answer = Browser().post(SIGNUP, {**NEW, field: value})
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert says in " ".join(answer.context["form"].errors[field])
    assert not User.objects.exists()
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("zone", "stored"), [("Mars/Base", "UTC"), ("", "UTC"), ("Europe/Paris", "Europe/Paris")]
)
def test_the_browser_s_zone_counts_if_there_is_such_a_zone(zone, stored):
    Browser().post(SIGNUP, {**NEW, "time_zone": zone, "name": "<b>x</b>"})
    assert User.objects.get().time_zone == stored


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(verified):
    pages = []
    for email in ("owner@example.com", "nobody@example.com"):
        answer = log_in(email, "wrong-horse-7")
        assert answer.status_code == 200
        pages.append(answer.context["form"].non_field_errors())
    assert pages[0] == pages[1] == [WRONG]


def test_a_hundred_tries_at_a_password_end_after_five(verified, monkeypatch):
    tried = []
    real = User.check_password
    monkeypatch.setattr(User, "check_password", lambda user, raw: tried.append(raw) or real(user, raw))
    statuses = [log_in("owner@example.com", f"guess-{n}").status_code for n in range(100)]
    assert len(tried) == 5
    assert statuses == [200] * 30 + [429] * 70
    assert log_in("owner@example.com", PASSWORD).status_code == 429


def try_from(address, password, browser=None):
    browser = browser or Browser()
    data = {"login": "owner@example.com", "password": password}
    return browser.post(LOGIN, data, REMOTE_ADDR=address)


def refused(answer):
    return "Too many failed login attempts" in str(answer.context["form"].non_field_errors())


def test_a_stranger_s_wrong_passwords_keep_nobody_else_out(verified):
    assert [try_from("10.0.0.1", "wrong").status_code for n in range(9)] == [200] * 9
    assert refused(try_from("10.0.0.1", PASSWORD))
    assert try_from("10.0.0.2", PASSWORD).status_code == 302
    v6 = [try_from(f"2001:db8::{n}", "wrong") for n in range(6)]
    assert [refused(answer) for answer in v6] == [False] * 5 + [True]  # one network


def test_tries_from_many_networks_end_but_not_for_a_browser_that_is_known(verified, time_machine):
    known = Browser()
    assert try_from("10.9.9.9", PASSWORD, known).status_code == 302
    known.post("/accounts/logout/")
    answers = [try_from(f"10.0.{n}.1", "wrong") for n in range(60)]
    assert [refused(answer) for answer in answers] == [False] * 50 + [True] * 10
    assert refused(try_from("10.9.9.8", PASSWORD))
    assert try_from("10.9.9.8", PASSWORD, known).status_code == 302
    forged = Browser()
    forged.cookies["known_for"] = known.cookies["known_for"].value[:-2] + "xx"
    assert refused(try_from("10.9.9.7", PASSWORD, forged))
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=5))
    assert try_from("10.9.9.8", PASSWORD).status_code == 302


def test_who_sets_a_new_password_by_the_link_gets_in_whatever_strangers_do(verified):
    for n in range(50):
        try_from(f"10.0.{n}.1", "wrong")
    browser = Browser()
    browser.post("/accounts/password/reset/", {"email": "owner@example.com"})
    form = browser.get(link_in(mail.outbox[0]))["Location"]
    browser.post(form, {"password1": "new-horse-77", "password2": "new-horse-77"})
    assert try_from("10.9.9.9", "new-horse-77", browser).status_code == 302


@pytest.mark.parametrize("path", ["/accounts/password/reset/", SIGNUP])
def test_nobody_is_mailed_on_demand_without_end(path, verified, time_machine):
    def ask(number):
        data = {**NEW, "email": "owner@example.com"}
        return Browser().post(path, data, REMOTE_ADDR=f"10.0.0.{number}").status_code

    time_machine.move_to(timezone.now())
    for number in range(12):
        ask(number)
        time_machine.shift(timedelta(minutes=10))
    assert len(mail.outbox) == 5
    time_machine.shift(timedelta(days=1))
    ask(99)
    assert len(mail.outbox) == 6


def test_reset_of_a_password(verified):
    browser = Browser()
    answers = [
        browser.post("/accounts/password/reset/", {"email": email})
        for email in ("Owner@example.com", "nobody@example.com")
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/accounts/password/reset/done/")
    }
    [message] = mail.outbox  # nobody@ is not ours to mail
    assert (message.to, message.subject) == (["owner@example.com"], "Set a new password")
    link = link_in(message)
    form = browser.get(link)["Location"]
    weak = browser.post(form, {"password1": "1234567", "password2": "1234567"})
    assert "password1" in weak.context["form"].errors
    done = browser.post(form, {"password1": "new-horse-77", "password2": "new-horse-77"})
    assert done["Location"] == "/accounts/password/reset/key/done/"
    assert b"no longer works" in Browser().get(link).content
    assert log_in("owner@example.com", PASSWORD).status_code == 200
    assert log_in("owner@example.com", "new-horse-77").status_code == 302
    assert [message.subject for message in mail.outbox[1:]] == ["Your password was changed"]


@pytest.mark.parametrize("path", ["1-x", "zzzzzzzzzzzzz-abc", "0-", "1-set-password", "!!-a"])
def test_reset_links_made_up(path):
    assert Browser().get(f"/accounts/password/reset/key/{path}/").status_code in (200, 404)


def test_change_of_password_logs_all_others_out(verified):
    here, there = Browser(), Browser()
    log_in(verified.email, PASSWORD, here)
    log_in(verified.email, PASSWORD, there)
    url = reverse("account_change_password")
    wrong = here.post(url, {"oldpassword": "x", "password1": "new-horse-77", "password2": "new-horse-77"})
    assert list(wrong.context["form"].errors) == ["oldpassword"]
    here.post(url, {"oldpassword": PASSWORD, "password1": "new-horse-77", "password2": "new-horse-77"})
    assert here.get(reverse("mailings")).status_code == 200
    assert there.get(reverse("mailings")).status_code == 302
    assert [message.subject for message in mail.outbox] == ["Your password was changed"]
    assert AuditEntry.objects.exclude(action="logged_in").get().action == "password_changed"


def test_change_of_address_counts_when_it_is_confirmed(verified):
    browser = Browser()
    log_in(verified.email, PASSWORD, browser)
    answer = browser.post(reverse("account_email"), {"action_add": "", "email": "New@Example.com"})
    reauthenticate(browser, answer)
    verified.refresh_from_db()
    assert verified.email == "owner@example.com"
    assert b"new@example.com" in browser.get(reverse("account_email")).content
    [message] = mail.outbox
    assert message.to == ["new@example.com"]
    browser.post(link_in(message))
    verified.refresh_from_db()
    assert verified.email == "new@example.com"
    assert EmailAddress.objects.get().email == "new@example.com"
    assert (mail.outbox[1].to, mail.outbox[1].subject) == (
        ["owner@example.com"],
        "Your email address was changed",
    )
    assert AuditEntry.objects.filter(action="email_changed").get().detail == (
        "owner@example.com → new@example.com"
    )


def test_change_to_the_address_of_another_account_is_told_to_nobody(verified, stranger):
    mark_verified(stranger)
    browser = Browser()
    log_in(verified.email, PASSWORD, browser)
    answer = browser.post(reverse("account_email"), {"action_add": "", "email": "STRANGER@example.com"})
    reauthenticate(browser, answer)
    [message] = mail.outbox
    browser.post(link_in(message))
    verified.refresh_from_db()
    assert verified.email == "owner@example.com"


def test_sessions_are_listed_and_ended_elsewhere(verified):
    here, there = Browser(headers={"user-agent": "Here 1.0"}), Browser(headers={"user-agent": "There <b>"})
    log_in(verified.email, PASSWORD, here)
    log_in(verified.email, PASSWORD, there)
    url = reverse("usersessions_list")
    html = here.get(url).content.decode()
    assert "Here 1.0" in html
    assert "There &lt;b&gt;" in html
    here.post(url)
    assert here.get(reverse("mailings")).status_code == 200
    assert there.get(reverse("mailings")).status_code == 302
    assert "There" not in here.get(url).content.decode()


def test_the_session_of_a_deleted_user_is_nobody_s(verified):
    browser = Browser()
    log_in(verified.email, PASSWORD, browser)
    User.objects.filter(pk=verified.pk).delete()
    assert browser.get(reverse("mailings")).status_code == 302
    assert browser.post(reverse("account_profile"), {}).status_code == 302


def test_the_admin_s_log_in_is_the_site_s(superuser):
    answer = Browser().get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=%2Fadmin%2F")
    browser = Browser()
    assert log_in(superuser.email, PASSWORD, browser).status_code == 302
    assert browser.get("/admin/").status_code == 200
