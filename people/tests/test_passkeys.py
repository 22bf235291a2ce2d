"""Passkeys beside codes, a second factor that staff must have, and sessions in words."""

import json
from hashlib import sha256
from io import StringIO
from secrets import token_bytes

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as site_settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from people.models import AuditEntry
from people.receivers import Action, two_factor
from people.templatetags.devices import device, network
from testing.accounts import LOGIN
from testing.factories import PASSWORD

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def passkey(user, name="Phone", *, alone=True):
    """As the browser of `user` would have made it, and allauth kept it."""
    key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    credential_id = token_bytes(16)
    made = AuthenticatorData.create(
        sha256(b"testserver").digest(),
        AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT,
        0,
        AttestedCredentialData.create(b"\0" * 16, credential_id, key),
    )
    client_data = json.dumps({"type": "webauthn.create", "challenge": "AAAA", "origin": "http://testserver"})
    credential = {
        "type": "public-key",
        "id": websafe_encode(credential_id),
        "rawId": websafe_encode(credential_id),
        "response": {
            "clientDataJSON": websafe_encode(client_data.encode()),
            "attestationObject": websafe_encode(AttestationObject.create("none", made, {})),
        },
        "clientExtensionResults": {"credProps": {"rk": alone}},
    }
    return Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": name, "credential": credential}
    )


@pytest.fixture
def signed_in(verified):
    """Somebody who has just shown the password."""
    browser = Browser(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="203.0.113.77")
    assert browser.post(LOGIN, {"login": verified.email, "password": PASSWORD}).status_code == 302
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return browser


def test_the_pages_of_passkeys_run_no_script_of_their_own(verified, signed_in):
    key = passkey(verified, "<b>Phone</b>")
    for name, args in (
        ("mfa_index", []),
        ("mfa_list_webauthn", []),
        ("mfa_add_webauthn", []),
        ("mfa_edit_webauthn", [key.pk]),
        ("mfa_remove_webauthn", [key.pk]),
        ("mfa_reauthenticate_webauthn", []),
    ):
        answer = signed_in.get(reverse(name, args=args))
        html = answer.content.decode()
        assert answer.status_code == 200, name
        assert "<b>Phone" not in html
        scripts = [part.split(">")[0] for part in html.split("<script")[1:]]
        assert all(' src="/static/' in tag or 'type="application/json"' in tag for tag in scripts), name
        assert "unsafe-inline" not in answer["Content-Security-Policy"]


def test_a_new_passkey_is_called_by_where_it_is_made(signed_in):
    form = signed_in.get(reverse("mfa_add_webauthn")).context["form"]
    assert form["name"].value() == "Firefox, Windows"


def test_a_made_up_answer_of_a_browser_is_refused(verified, signed_in):
    for credential in ("", "x", "{}", '{"id": 1}', "[]", "null"):
        answer = signed_in.post(reverse("mfa_add_webauthn"), {"name": "x", "credential": credential})
        assert answer.status_code == 200, credential
        assert set(answer.context["form"].errors) <= {"credential", "__all__"}
        assert answer.context["form"].errors
        for anybody in (reverse("mfa_login_webauthn"), reverse("mfa_reauthenticate_webauthn")):
            assert signed_in.post(anybody, {"credential": credential}).status_code in (200, 302)
            assert Browser().post(anybody, {"credential": credential}).status_code == 302
        assert signed_in.get("/accounts/profile/").status_code == 200
    assert not Authenticator.objects.exists()
    assert Browser().post(reverse("mfa_login_webauthn"), {"credential": "{}"})["Location"] == LOGIN


def test_one_renames_and_removes_one_s_own_alone(verified, stranger, signed_in):
    own, foreign = passkey(verified), passkey(stranger)
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        assert signed_in.get(reverse(name, args=[foreign.pk])).status_code == 404
        assert signed_in.post(reverse(name, args=[foreign.pk]), {"name": "x"}).status_code == 404
    too_long = signed_in.post(reverse("mfa_edit_webauthn", args=[own.pk]), {"name": "x" * 101})
    assert too_long.context["form"].errors["name"]
    signed_in.post(reverse("mfa_edit_webauthn", args=[own.pk]), {"name": "Laptop"})
    assert Authenticator.objects.get(pk=own.pk).wrap().name == "Laptop"
    signed_in.post(reverse("mfa_remove_webauthn", args=[own.pk]))
    assert list(Authenticator.objects.all()) == [foreign]
    line = AuditEntry.objects.get(action="two_factor_off")
    assert (line.actor, line.detail) == ("owner@example.com", "passkey “Laptop”")


def test_a_passkey_is_asked_for_after_the_password(verified):
    passkey(verified, alone=False)
    browser = Browser()
    answer = browser.post(LOGIN, {"login": verified.email, "password": PASSWORD})
    assert answer["Location"] == reverse("mfa_authenticate")
    page = browser.get(answer["Location"]).content.decode()
    assert "Use a passkey" in page
    assert browser.get("/mailings/").status_code == 302


@pytest.mark.parametrize(
    ("codes", "lead"),
    [
        (False, "Use your passkey to finish logging in."),
        (True, "Use your passkey, or enter one of your recovery codes."),
    ],
)
def test_whoever_has_no_app_is_not_asked_for_its_code(verified, signed_in, codes, lead):
    passkey(verified, alone=False)
    if codes:
        seed = {"seed": "x", "used_mask": 0}
        Authenticator.objects.create(user=verified, type=Authenticator.Type.RECOVERY_CODES, data=seed)
    browser = Browser()
    browser.post(LOGIN, {"login": verified.email, "password": PASSWORD})
    page = browser.get(reverse("mfa_authenticate")).content.decode()
    assert (lead in page, "your app" in page, 'name="code"' in page) == (True, False, codes)
    without_script = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert "Passkeys need JavaScript. Allow it for this site" in without_script
    assert ("Lost your passkey? Ask the people who run this service" in page) is not codes
    again = signed_in.get(reverse("mfa_reauthenticate"), follow=True).content.decode()
    assert "your app shows" not in again


def test_whoever_has_no_passkey_is_not_asked_for_one(verified):
    TOTP.activate(verified, "A" * 32)
    browser = Browser()
    browser.post(LOGIN, {"login": verified.email, "password": PASSWORD})
    page = browser.get(reverse("mfa_authenticate")).content.decode()
    assert ("Code from your app" in page, "Use a passkey" in page) == (True, False)


@pytest.mark.django_db(transaction=True)  # emails leave on commit
def test_whoever_has_lost_it_is_let_in_with_the_password_by_who_runs_the_service(verified, stranger):
    passkey(verified, alone=False)
    kept = passkey(stranger)
    call_command("two_factor_off", "Owner@Example.com", stdout=StringIO())
    assert list(Authenticator.objects.all()) == [kept]
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.address) == ("two_factor_off", "owner@example.com", None)
    assert line.actor.endswith(" (manage.py)")
    [told] = mail.outbox
    assert (told.to, told.subject) == (["owner@example.com"], "Two-factor log-in is off")
    assert Browser().post(LOGIN, {"login": verified.email, "password": PASSWORD})["Location"] == "/start/"
    refused = {"nobody@example.com": "Nobody has an account", verified.email: "has no second factor"}
    for email, says in refused.items():
        with pytest.raises(CommandError, match=says):
            call_command("two_factor_off", email)


def test_a_new_passkey_is_recorded(verified):
    two_factor(Action.TWO_FACTOR_ON, verified, passkey(verified))
    assert AuditEntry.objects.get().detail == "passkey “Phone”"


@pytest.mark.parametrize("path", ["/mailings/", "/users/", "/audit/", "/admin/", "/start/", "/"])
def test_staff_need_a_second_factor_where_it_is_demanded(path, manager, superuser, client_of, settings):
    before = [client_of(user).get(path).status_code for user in (manager, superuser)]
    settings.STAFF_TWO_FACTOR = True
    for user in (manager, superuser):
        answer = client_of(user).get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/two-factor/")
        fragment = client_of(user).get(path, headers={"HX-Request": "true"})
        assert fragment["HX-Redirect"] == "/accounts/two-factor/"
        assert client_of(user).post(path).status_code == 302
    page = client_of(manager).get("/accounts/two-factor/")
    assert page.status_code == 200
    for user in (manager, superuser):
        passkey(user)
    assert [client_of(user).get(path).status_code for user in (manager, superuser)] == before


def test_recovery_codes_alone_are_no_second_factor(manager, client_of, settings):
    settings.STAFF_TWO_FACTOR = True
    Authenticator.objects.create(user=manager, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})
    assert client_of(manager).get("/users/")["Location"] == "/accounts/two-factor/"


def test_others_need_none(owner, client_of, settings):
    settings.STAFF_TWO_FACTOR = True
    assert client_of(owner).get("/mailings/").status_code == 200
    assert Browser().get("/").status_code == 200
    assert site_settings.STAFF_TWO_FACTOR


@pytest.mark.parametrize(
    ("says", "is_called"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0.0.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/141.0.0.0 Safari/537.36 Edg/141.0", "Edge, Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 YaBrowser/25.8 Safari", "Yandex Browser, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/141.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8.5.0", "curl"),
        ("", "another browser"),
        ("<script>alert(1)</script>", "another browser"),
    ],
)
def test_a_session_is_called_by_browser_and_system(says, is_called):
    assert device(says) == is_called


def test_a_session_says_where_from_by_its_network(verified, signed_in):
    assert network("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    UserSession.objects.create(user=verified, ip="198.51.100.9", session_key="gone", user_agent="x")
    signed_in.get("/accounts/sessions/")
    page = " ".join(signed_in.get("/accounts/sessions/").content.decode().split())
    assert "Firefox, Windows" in page
    assert "from the network 203.0.113.0/24, since" in page
    assert page.count("this device") == 1
