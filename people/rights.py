"""What a user or a role may do, told in words before and after a change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group

from people.audit import record
from people.models import AuditEntry, User

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Names of all that a user was given, or a role gives."""

    names: frozenset[str]

    def changes(self, after: "Rights") -> str:
        """What came and went: “+Manager, −superuser”; empty if nothing did."""
        came = [f"+{name}" for name in sorted(after.names - self.names)]
        went = [f"−{name}" for name in sorted(self.names - after.names)]
        return ", ".join([*came, *went])


def rights_of(user: User) -> Rights:
    flags: Mapping[str, bool] = {"superuser": user.is_superuser, "staff": user.is_staff}
    names = {name for name, given in flags.items() if given}
    names |= {group.name for group in user.groups.all()}
    names |= {permission.codename for permission in user.user_permissions.all()}
    return Rights(names=frozenset(names))


def rights_of_role(role: Group) -> Rights:
    return Rights(names=frozenset(role.permissions.values_list("codename", flat=True)))


def record_rights(*, user: User, before: Rights, by: User) -> None:
    """Append what changed in what a user may do, if anything did."""
    if detail := before.changes(rights_of(user)):
        record(actor=by, action=AuditEntry.Action.ACCESS_CHANGED, target=user, detail=detail)


def record_role(*, role: Group, before: Rights, after: Rights, by: User) -> None:
    if detail := before.changes(after):
        record(actor=by, action=AuditEntry.Action.ROLE_CHANGED, target=role, detail=detail)
