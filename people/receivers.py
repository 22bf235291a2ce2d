"""What Django and allauth report by signals, recorded in the audit trail."""

from typing import Any

from allauth.account import signals
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from people import rights
from people.audit import equip, record, record_failed_log_in
from people.known_browsers import remember
from people.models import AuditEntry, User

Action = AuditEntry.Action


def logged_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    remember(request, user)
    record(actor=user, action=Action.LOGGED_IN, target=user)


def wrong_code(user: User, **_kwargs: Any) -> None:
    record_failed_log_in(email=user.email, detail=gettext_noop("wrong code"))


def signed_up(user: User, **_kwargs: Any) -> None:
    record(actor=user, action=Action.SIGNED_UP, target=user)


def confirmed(email_address: Any, **_kwargs: Any) -> None:
    record(
        actor=email_address.user,
        action=Action.CONFIRMED,
        target=email_address.user,
        detail=str(email_address),
    )


def password_reset(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """The browser that followed the link is known from now on, however many strangers try the account."""
    remember(request, user)


def email_changed(user: User, from_email_address: Any, to_email_address: Any, **_kwargs: Any) -> None:
    if from_email_address:
        detail = f"{from_email_address} → {to_email_address}"
        record(actor=user, action=Action.EMAIL_CHANGED, target=user, detail=detail)


def two_factor(action: AuditEntry.Action, user: User, authenticator: Authenticator) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record(actor=user, action=action, target=user)
    elif authenticator.type == Authenticator.Type.WEBAUTHN:
        name = f"passkey “{authenticator.wrap().name}”"
        record(actor=user, action=action, target=user, detail=name)


def two_factor_on(user: User, authenticator: Authenticator, request: HttpRequest, **_kwargs: Any) -> None:
    two_factor(Action.TWO_FACTOR_ON, user, authenticator)


def two_factor_off(user: User, authenticator: Authenticator, request: HttpRequest, **_kwargs: Any) -> None:
    two_factor(Action.TWO_FACTOR_OFF, user, authenticator)


def connect() -> None:
    rights.connect()
    connection_created.connect(equip)
    signals.user_logged_in.connect(logged_in)
    mfa_signals.authentication_failed.connect(wrong_code)
    signals.user_signed_up.connect(signed_up)
    signals.email_confirmed.connect(confirmed)
    signals.password_reset.connect(password_reset)
    signals.email_changed.connect(email_changed)
    mfa_signals.authenticator_added.connect(two_factor_on)
    mfa_signals.authenticator_removed.connect(two_factor_off)
