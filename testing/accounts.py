"""How a person registers, confirms and logs in."""

import hmac
import re
import time
from base64 import b32decode
from typing import Any

from django.core.mail import EmailMessage
from django.test import Client as Browser

from testing.factories import PASSWORD

SIGNUP = "/accounts/signup/"
LOGIN = "/accounts/login/"
SENT = "/accounts/confirm-email/"
NEW = {
    "name": "Nina New",
    "email": "Nina@Example.com",
    "password1": "correct-horse-7",
    "password2": "correct-horse-7",
    "time_zone": "Asia/Tokyo",
}


def link_in(message: EmailMessage) -> str:
    """The path of the one link in an email."""
    [link] = set(re.findall(r"http://testserver(/\S+/)\s", str(message.body)))
    return link


def code_for(secret: str) -> str:
    """The six digits that an authenticator app shows now (RFC 6238)."""
    digest = hmac.digest(b32decode(secret), (int(time.time()) // 30).to_bytes(8), "sha1")
    start = digest[-1] & 0xF  # RFC 4226, 5.3
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def log_in(email: str, password: str, browser: Browser | None = None) -> Any:
    browser = browser or Browser()
    return browser.post(LOGIN, {"login": email, "password": password})


def reauthenticate(browser: Browser, answer: Any) -> Any:
    """Enter the password again where it is asked for; the request goes on from there."""
    assert answer["Location"].startswith("/accounts/reauthenticate/?next=")
    return browser.post(answer["Location"], {"password": PASSWORD})
