"""Passkeys in a real browser with a virtual authenticator, sessions in words, and staff's second factor."""

import re

import pytest
from playwright.sync_api import expect

from e2e.conftest import NARROW
from e2e.stack import web_beside

PASSWORD = "correct-horse-7"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
MAKE_USER = """
from django.contrib.auth.models import Group
from people.accounts import mark_verified
from people.models import User
user = User.objects.create_user("{email}", "{password}", name="Pat")
mark_verified(user)
user.groups.set(Group.objects.filter(name="{role}"))
"""


@pytest.fixture
def person(stack):
    """Somebody of a role; a passkey needs a name of a machine, which a number is not."""

    def make(email, role=""):
        stack.manage("shell", "-c", MAKE_USER.format(email=email, password=PASSWORD, role=role))
        return email

    return make


def at_home(context_of, url, **options):
    """A page of a browser that has an authenticator built in, at the site by its name."""
    context = context_of(None, base_url=url.replace("127.0.0.1", "localhost"), **options)
    page = context.new_page()
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page


def log_in(page, email):
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main .btn-primary[type=submit]").click()
    page.wait_for_url(lambda url: "/login/" not in url)


def confirm(page):
    """Say once more who one is, where that is asked."""
    page.wait_for_load_state()
    if "/reauthenticate/" in page.url:
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main .btn-primary[type=submit]").click()
        page.wait_for_url(lambda url: "/reauthenticate/" not in url)


def add_passkey(page, name):
    page.goto("/accounts/two-factor/webauthn/add/")
    confirm(page)
    page.locator("[name=name]").fill(name)
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(lambda url: "/add/" not in url)


def test_a_passkey_from_the_first_log_in_to_its_end(stack, person, context_of, check):
    email = person("pat@example.com")
    page = at_home(context_of, stack.url)
    log_in(page, email)
    add_passkey(page, "Laptop")
    page.goto("/accounts/two-factor/webauthn/")
    expect(page.get_by_text("Laptop")).to_be_visible()
    expect(page.get_by_text("logs in without the password")).to_be_visible()
    check(page, "passkeys")

    log_out(page)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url("**/start/")

    page.goto("/accounts/sessions/")
    session = page.locator(".sessions li").filter(has_text="this device")
    expect(session).to_contain_text("Chrome, Linux")
    expect(session).to_contain_text(re.compile(r"from the network (127\.0\.0\.0/24|::/64), since"))

    log_out(page)
    log_in(page, email)
    check(page, "passkey-after-password")
    page.goto("/mailings/")  # the password alone opens nothing
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/start/")

    page.goto("/accounts/two-factor/webauthn/")
    page.get_by_role("link", name="Remove").click()
    confirm(page)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()


def log_out(page):
    page.goto("/accounts/logout/")
    page.locator("main [type=submit]").click()
    page.wait_for_url("**/login/")


def test_a_browser_without_the_passkey_says_so_and_lets_one_try_again(stack, context_of, check):
    page = at_home(context_of, stack.url, viewport=NARROW, color_scheme="dark")
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("No passkey was given.")).to_be_visible()
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_enabled()
    check(page, "no-passkey")


def test_staff_come_in_with_a_second_factor_only(stack, person, context_of, check):
    email = person("staff@example.com", role="Manager")
    with web_beside(stack, STAFF_TWO_FACTOR="True") as url:
        page = at_home(context_of, url)
        log_in(page, email)
        page.goto("/users/")
        expect(page).to_have_url(re.compile("/accounts/two-factor/$"))
        check(page, "staff-needs-two-factor")
        add_passkey(page, "Key")
        page.goto("/users/")
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
