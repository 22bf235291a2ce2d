"""Every change of a password, and of what a user or a role may do, recorded in the audit trail.

By Django's signals, so that no page, form or command can bypass it.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

from people.audit import asked_by, in_request, record, record_whoever
from people.models import AuditEntry, User

PASSWORD_CHANGED = AuditEntry.Action.PASSWORD_CHANGED
FLAGS = {"is_superuser": "superuser", "is_staff": "staff"}
WATCHED = (*FLAGS, "password")
CAME, WENT = "+", "−"
SIGNS = {"post_add": CAME, "post_remove": WENT, "pre_clear": WENT}


def note_before(instance: User, update_fields: Iterable[str] | None, raw: bool, **_kwargs: Any) -> None:
    """Keep what a user was, to compare after the save; nothing if none of it is written."""
    instance.before_save = None
    if instance.pk and not raw and (update_fields is None or set(WATCHED) & set(update_fields)):
        instance.before_save = User.objects.filter(pk=instance.pk).values(*WATCHED).first()


def compare(instance: User, **_kwargs: Any) -> None:
    before, instance.before_save = instance.before_save, None
    if before is None:
        return
    changed = [name for name in FLAGS if before[name] != getattr(instance, name)]
    if changed:
        signs = [f"{CAME if getattr(instance, name) else WENT}{FLAGS[name]}" for name in changed]
        _record(instance, signs)
    # A hash that is only upgraded at log-in was not set by set_password.
    became_unusable = is_password_usable(before["password"]) and not is_password_usable(instance.password)
    if vars(instance).get("_password") is not None or became_unusable:
        if in_request():  # and nobody is signed in: the user followed an emailed link
            record(actor=asked_by() or instance, action=PASSWORD_CHANGED, target=instance)
        else:
            record_whoever(action=PASSWORD_CHANGED, target=instance)


def given(
    instance: Model,
    action: str,
    reverse: bool,
    model: type[Model],
    pk_set: set[int] | None,
    *,
    names: tuple[str, str],
    **_kwargs: Any,
) -> None:
    """A role or a permission was given or taken, from either side; `names` are those of the two sides."""
    if action not in SIGNS:
        return
    if pk_set is None:
        rows = list(getattr(instance, names[1] if reverse else names[0]).all())
    else:
        rows = list(model._default_manager.filter(pk__in=pk_set))
    if reverse:
        for holder in rows:
            _record(holder, [SIGNS[action] + _name(instance)])
    elif rows:
        _record(instance, sorted(SIGNS[action] + _name(row) for row in rows))


def role_goes(instance: Group, **_kwargs: Any) -> None:
    """A role was deleted, and its permissions with it."""
    if names := [f"{WENT}{_name(permission)}" for permission in instance.permissions.all()]:
        _record(instance, sorted(names))
    for user in User.objects.filter(groups=instance):
        _record(user, [WENT + _name(instance)])


def _name(row: Model) -> str:
    return row.codename if isinstance(row, Permission) else str(row)


def _record(target: Model, changes: list[str]) -> None:
    action = AuditEntry.Action.ACCESS_CHANGED if isinstance(target, User) else AuditEntry.Action.ROLE_CHANGED
    record_whoever(action=action, target=target, detail=", ".join(changes))


GIVEN = (
    (User.groups.through, ("groups", "user_set")),
    (User.user_permissions.through, ("user_permissions", "user_set")),
    (Group.permissions.through, ("permissions", "group_set")),
)


def connect() -> None:
    pre_save.connect(note_before, sender=User)
    post_save.connect(compare, sender=User)
    pre_delete.connect(role_goes, sender=Group)
    for through, names in GIVEN:
        m2m_changed.connect(partial(given, names=names), sender=through, weak=False)
