"""The audit trail: what managers and owners did to mailings, users and access."""

from contextvars import ContextVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from people.models import AuditEntry, User

# Where the request in hand comes from; a middleware sets it. Nothing, for commands and tasks.
ORIGIN: ContextVar[str | None] = ContextVar("audit_origin", default=None)


def record(
    *, actor: User | AnonymousUser | None, action: AuditEntry.Action, target: Model, detail: str = ""
) -> AuditEntry:
    """Append one entry, in the transaction of the deed itself: neither stands without the other."""
    return AuditEntry.objects.create(
        actor_id=actor.pk if actor else None,
        actor=getattr(actor, "email", ""),
        action=action,
        target_type=target._meta.model_name or "",
        target_id=target.pk,
        target=str(target)[:300],
        detail=detail[:500],
        address=ORIGIN.get(),
    )
