"""The emails about accounts: each is written once and goes out as text and HTML, in its reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from people import outgoing
from people.models import OutgoingEmail


@dataclass(frozen=True, kw_only=True)
class AccountEmail:
    """Paragraphs with %(names)s in them, and a button that leads to the value named `link`."""

    subject: str | Promise
    lines: tuple[str | Promise, ...]
    button: str | Promise = ""
    security: bool = False  # says from where it was done, and what to do if it was somebody else


IGNORE = _("If this was not you, you can ignore this: nothing happens without the link.")

CONFIRM = AccountEmail(
    subject=_("Confirm your email address"),
    lines=(
        _("Someone, probably you, entered %(email)s at our mailing service."),
        _("Confirm the address within three days to get started."),
        IGNORE,
    ),
    button=_("Confirm the address"),
)
EXISTS = AccountEmail(
    subject=_("You already have an account"),
    lines=(
        _("Someone, probably you, tried to register with %(email)s, which already has an account."),
        _("Log in with it. If you have forgotten the password, set a new one."),
        _("If this was not you, you can ignore this: nobody was told that you have an account."),
    ),
    button=_("Set a new password"),
)
RESET = AccountEmail(
    subject=_("Set a new password"),
    lines=(_("Someone, probably you, asked for a new password for %(email)s."), IGNORE),
    button=_("Set a new password"),
)
INVITED = AccountEmail(
    subject=_("An account was created for you"),
    lines=(
        _("%(by)s created an account for you at our mailing service. Your log-in is %(email)s."),
        _("Set a password within three days to get started."),
    ),
    button=_("Set a password"),
)
ADMITTED = AccountEmail(
    subject=_("Your account is open"),
    lines=(_("A manager has approved %(email)s. You can log in and get started."),),
    button=_("Log in"),
)
PASSWORD_SET_BY = AccountEmail(
    subject=_("Your password was changed"),
    lines=(
        _(
            "An administrator of this service set a new password for %(email)s;"
            " you were logged out everywhere."
        ),
        _("If you did not ask for this, set a password of your own."),
    ),
    button=_("Set a new password"),
)
TWO_FACTOR_REMOVED = AccountEmail(
    subject=_("Two-factor log-in is off"),
    lines=(
        _("An administrator of this service turned it off for %(email)s: your password is enough to log in."),
        _("If you did not ask for this, write to the people who run this service."),
    ),
)
EMAIL_CHANGED = AccountEmail(
    subject=_("Your email address was changed"),
    lines=(_("Your account's address was changed from %(from_email)s to %(to_email)s."),),
    security=True,
)


def _notice(subject: Promise, line: Promise) -> AccountEmail:
    return AccountEmail(subject=subject, lines=(line,), security=True)


# By the name under which allauth sends it.
ACCOUNT_EMAILS: Mapping[str, AccountEmail] = {
    "account/email/email_confirmation": CONFIRM,
    "account/email/email_confirmation_signup": CONFIRM,
    "account/email/account_already_exists": EXISTS,
    "account/email/password_reset_key": RESET,
    "account/email/email_changed": EMAIL_CHANGED,
    "account/email/password_changed": _notice(
        _("Your password was changed"), _("The password of %(email)s was changed.")
    ),
    "account/email/password_reset": _notice(
        _("Your password was changed"), _("A new password was set for %(email)s through a link in an email.")
    ),
    "account/email/password_set": _notice(_("Your password was set"), _("A password was set for %(email)s.")),
    "mfa/email/totp_activated": _notice(
        _("Two-factor log-in is on"), _("From now on, logging in as %(email)s takes a code from an app.")
    ),
    "mfa/email/totp_deactivated": _notice(
        _("Two-factor log-in is off"), _("Logging in as %(email)s no longer takes a code from an app.")
    ),
    "mfa/email/webauthn_added": _notice(
        _("A passkey was added"), _("From now on a passkey logs %(email)s in.")
    ),
    "mfa/email/webauthn_removed": _notice(
        _("A passkey was removed"), _("One of the passkeys of %(email)s no longer works.")
    ),
    "mfa/email/recovery_codes_generated": _notice(
        _("New recovery codes were made"), _("The recovery codes of %(email)s were replaced by new ones.")
    ),
}


def address(name: str, **kwargs: Any) -> str:
    """A link for an email: it begins with SITE_URL, whatever host the request named."""
    return f"{settings.SITE_URL}{reverse(name, kwargs=kwargs)}"


def send_account_email(email: AccountEmail, *, to: str, language: str = "", **values: Any) -> None:
    """Store an email and queue it: no page waits for the mail server, and nothing is lost."""
    with translation.override(language or translation.get_language() or settings.LANGUAGE_CODE):
        values = {"email": to, **values}
        context = {
            "subject": " ".join((str(email.subject) % values).split()),
            "lines": [str(line) % values for line in email.lines],
            "button": email.button,
            "link": values.get("link", ""),
            "security": values if email.security else None,
            "site_url": settings.SITE_URL,
        }
        text = render_to_string("account_emails/email.txt", context)
        html = render_to_string("account_emails/email.html", context)
    kept = OutgoingEmail.objects.create(to=to, subject=context["subject"], text=text, html=html)
    transaction.on_commit(lambda: outgoing.put(kept.pk), robust=True)
