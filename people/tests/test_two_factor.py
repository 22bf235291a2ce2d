"""Two-factor log-in and recovery codes."""

import importlib
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from people.models import AuditEntry
from people.two_factor import TwoFactorAdapter
from testing.accounts import code_for
from testing.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)  # emails leave on commit
LOGIN = {"login": "owner@example.com", "password": PASSWORD}


@pytest.fixture
def browser(verified):
    browser = Browser()
    browser.post("/accounts/login/", LOGIN)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


@pytest.fixture
def secret(browser):
    html = browser.get(reverse("mfa_activate_totp")).content.decode()
    [secret] = re.findall(r"<code>(\w+)</code>", html)
    answer = browser.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def test_it_is_switched_on_with_a_right_code_only(browser):
    html = browser.get(reverse("mfa_activate_totp")).content.decode()
    assert 'src="data:image/svg+xml;base64,' in html
    for code in ("000000", "", "x" * 5000, "<b>"):
        answer = browser.post(reverse("mfa_activate_totp"), {"code": code})
        assert "code" in answer.context["form"].errors
    assert not AuditEntry.objects.filter(action="two_factor_on").exists()


def test_log_in_asks_for_a_code_and_takes_each_recovery_code_once(browser, secret, time_machine):
    codes = re.findall(
        r"<code>(\d+)</code>", browser.get(reverse("mfa_view_recovery_codes")).content.decode()
    )
    assert len(codes) == 10
    assert browser.get(reverse("mfa_download_recovery_codes")).content.decode().split() == codes
    other = Browser()
    assert other.post("/accounts/login/", LOGIN)["Location"] == reverse("mfa_authenticate")
    assert other.get(reverse("start")).status_code == 302
    wrong = other.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "code" in wrong.context["form"].errors
    right = other.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert right["Location"] == reverse("start")
    third = Browser()
    third.post("/accounts/login/", LOGIN)
    assert "code" in third.post(reverse("mfa_authenticate"), {"code": codes[0]}).context["form"].errors
    failed = AuditEntry.objects.filter(action="login_failed").values_list("target", "detail")
    assert list(failed) == [("owner@example.com", "wrong code")] * 2
    assert [message.subject for message in mail.outbox] == ["Two-factor log-in is on"]
    assert AuditEntry.objects.filter(action="two_factor_on").count() == 1


def test_a_copy_of_the_database_holds_no_secret(browser, secret, settings):
    stored = [row.data for row in Authenticator.objects.all()]
    assert len(stored) == 2
    assert secret not in str(stored)
    assert all(data.get("secret", data.get("seed")).startswith("fernet:") for data in stored)
    old = settings.SECRET_KEY
    adapter, row = TwoFactorAdapter(), Authenticator.objects.get(type="totp")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [old]
    assert adapter.decrypt(row.data["secret"]) == secret
    settings.SECRET_KEY_FALLBACKS = []
    lost = {adapter.decrypt(row.data["secret"]) for _ in range(2)}
    assert len(lost) == 2  # never the same: an empty or a fixed one could be guessed
    assert secret not in lost
    assert not row.wrap().validate_code(code_for(secret))


def test_what_is_stored_in_plain_text_is_read(browser, secret):
    Authenticator.objects.filter(type="totp").update(data={"secret": secret})
    assert Authenticator.objects.get(type="totp").wrap().validate_code(code_for(secret))


def test_what_was_stored_in_plain_text_is_encrypted(browser, secret):
    plain = {"secret": secret}
    Authenticator.objects.filter(type="totp").update(data=plain)
    migration = importlib.import_module("people.migrations.0006_two_factor_encrypted")
    for step, encrypted in ((migration.encrypt, True), (migration.encrypt, True), (migration.decrypt, False)):
        step(apps, None)
        data = Authenticator.objects.get(type="totp").data
        assert (data != plain) is encrypted
        assert TwoFactorAdapter().decrypt(data["secret"]) == secret


def test_it_is_switched_off(browser, secret):
    answer = browser.post(reverse("mfa_deactivate_totp"))
    assert answer["Location"] == reverse("mfa_index")
    assert browser.get(reverse("mfa_index")).content.count(b">off<") == 1
    assert Browser().post("/accounts/login/", LOGIN)["Location"] == reverse("start")
    assert AuditEntry.objects.filter(action="two_factor_off").count() == 1


def test_what_concerns_safety_asks_for_the_password_again(browser, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=10))
    answer = browser.get(reverse("mfa_activate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    page = browser.get(answer["Location"])
    assert b"Enter your password again" in page.content
    assert "password" in browser.post(answer["Location"], {"password": "x"}).context["form"].errors
    assert browser.post(answer["Location"], {"password": PASSWORD})["Location"] == reverse(
        "mfa_activate_totp"
    )
