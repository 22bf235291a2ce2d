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

# Where the current request comes from, and who makes it; set by a middleware. None in commands.
ORIGIN: ContextVar[str | None] = ContextVar("audit_origin", default=None)
ASKED_BY: ContextVar[Callable[[], User | AnonymousUser] | None] = ContextVar("audit_asked_by", default=None)
_OPEN: ContextVar[bool] = ContextVar("audit_open", default=False)


def in_request() -> bool:
    return ASKED_BY.get() is not None


def asked_by() -> User | None:
    """The user of the current request."""
    ask = ASKED_BY.get()
    user = ask() if ask else None
    return user if isinstance(user, User) else None


def record(
    *, actor: User | AnonymousUser | None, action: AuditEntry.Action, target: Model, detail: str = ""
) -> AuditEntry:
    """Append one entry, in the same transaction as the deed: neither exists without the other."""
    name = getattr(actor, "email", "")
    return _append(name, actor.pk if actor else None, action, target, detail)


def record_whoever(*, action: AuditEntry.Action, target: Model, detail: str = "") -> AuditEntry:
    """Append what may come from anywhere: by the signed-in user, or by whoever runs a command."""
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
    """Append that somebody tried to log in as this user; the address is as typed, and may be nobody's."""
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
    """Allow changes of the audit trail inside this block, by SQL; other database sessions still refuse them.

    For erasing a person, and for tests, which empty the database after each.
    """
    token = _OPEN.set(True)
    _set_in_postgresql("on")
    try:
        yield
    finally:
        with suppress(DatabaseError):  # a failed transaction takes its settings with it
            _set_in_postgresql("off")
        _OPEN.reset(token)


def _set_in_postgresql(state: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('people.audit_open', %s, false)", [state])


def equip(connection: Any, **_kwargs: Any) -> None:
    """Give an SQLite connection the function that the triggers call (see people/migrations)."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("people_audit_open", 0, lambda: int(_OPEN.get()))
