"""The audit trail: what managers and owners did to mailings, users and access."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from django.contrib.auth.management import get_system_username
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection
from django.db.models import Model

from people.addresses import spelled
from people.models import AuditEntry, User

# Where the request in hand comes from, and who makes it; a middleware says so. Nothing for commands.
ORIGIN: ContextVar[str | None] = ContextVar("audit_origin", default=None)
ASKED_BY: ContextVar[Callable[[], User | AnonymousUser] | None] = ContextVar("audit_asked_by", default=None)
_OPEN: ContextVar[bool] = ContextVar("audit_open", default=False)


def in_request() -> bool:
    return ASKED_BY.get() is not None


def asked_by() -> User | None:
    """Who is signed in in the request in hand."""
    ask = ASKED_BY.get()
    user = ask() if ask else None
    return user if isinstance(user, User) else None


def record(
    *, actor: User | AnonymousUser | None, action: AuditEntry.Action, target: Model, detail: str = ""
) -> AuditEntry:
    """Append one entry, in the transaction of the deed itself: neither stands without the other."""
    name = getattr(actor, "email", "")
    return _append(name, actor.pk if actor else None, action, target, detail)


def record_whoever(*, action: AuditEntry.Action, target: Model, detail: str = "") -> AuditEntry:
    """Append what may come from anywhere: by who is signed in, or by who gives a command on the machine."""
    if in_request():
        return record(actor=asked_by(), action=action, target=target, detail=detail)
    return _append(f"{get_system_username()} (manage.py)"[:254], None, action, target, detail)


def _append(
    actor: str, actor_id: int | None, action: AuditEntry.Action, target: Model, detail: str
) -> AuditEntry:
    return AuditEntry.objects.create(
        actor_id=actor_id,
        actor=actor,
        action=action,
        target_type=target._meta.model_name or "",
        target_id=target.pk,
        target=str(target)[:300],
        detail=detail[:500],
        address=ORIGIN.get(),
    )


def record_failed_log_in(*, email: str, detail: str) -> AuditEntry:
    """Append that somebody tried to be this user; the address is what was typed, and may be nobody's."""
    user = User.objects.filter(email=spelled(email)).only("pk").first()
    return AuditEntry.objects.create(
        action=AuditEntry.Action.LOGIN_FAILED,
        target_type="user",
        target_id=user.pk if user else None,
        target=email[:300],
        detail=detail[:500],
        address=ORIGIN.get(),
    )


@contextmanager
def opened() -> Iterator[None]:
    """Let what is inside change the audit trail, by SQL; everybody else's database session refuses it.

    For the erasure of a person, and for tests, which empty the database behind them.
    """
    token = _OPEN.set(True)
    _set_in_postgresql("on")
    try:
        yield
    finally:
        with suppress(DatabaseError):  # a transaction that failed takes its settings along
            _set_in_postgresql("off")
        _OPEN.reset(token)


def _set_in_postgresql(state: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('people.audit_open', %s, false)", [state])


def equip(connection: Any, **_kwargs: Any) -> None:
    """Give a connection to SQLite what the triggers ask (see people/migrations)."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("people_audit_open", 0, lambda: int(_OPEN.get()))
