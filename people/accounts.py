"""How an account begins, changes and ends."""

from collections.abc import Collection

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.http import int_to_base36

from people.account_emails import INVITED, PASSWORD_SET_BY, address, send_account_email
from people.addresses import account_address
from people.audit import record
from people.models import AuditEntry, User
from people.signals import closing, inventory


class LastSuperuser(Exception):
    """At least one superuser has to remain."""


def mark_verified(user: User) -> None:
    """Let a user log in without confirming their address by email. Safe to call twice."""
    with transaction.atomic():
        addresses = EmailAddress.objects.filter(user=user)
        addresses.exclude(email=user.email).delete()
        EmailAddress.objects.update_or_create(
            user=user, email=user.email, defaults={"verified": True, "primary": True}
        )


def create_user(*, user: User, groups: Collection[Group], by: User) -> User:
    """Save a user that a superuser made, who vouches for the address, and email an invitation.

    The user sets a password by the link in it.
    """
    with transaction.atomic():
        user.email = account_address(user.email)
        user.set_unusable_password()
        user.save()
        user.groups.set(groups)
        mark_verified(user)
        record(actor=by, action=AuditEntry.Action.USER_CREATED, target=user, detail=roles_of(user))
        invite(user=user, by=by)
    return user


EDITED = ("email", "name", "company", "time_zone", "language")


def edit_user(*, user: User, groups: Collection[Group], by: User) -> User:
    """Save what a superuser changed; a new address replaces the old one, and counts as verified."""
    with transaction.atomic():
        user.email = account_address(user.email)
        user.save(update_fields=EDITED)  # keep what a manager changed meanwhile
        user.groups.set(groups)
        mark_verified(user)
        record(actor=by, action=AuditEntry.Action.USER_EDITED, target=user, detail=roles_of(user))
    return user


def password_was_set(*, user: User) -> None:
    """Notify a user that an administrator set their password."""
    send_account_email(
        PASSWORD_SET_BY, to=user.email, language=user.language, link=address("account_reset_password")
    )


def invite(*, user: User, by: User) -> None:
    """Email a link by which the user sets a password."""
    token = default_token_generator.make_token(user)
    link = address("account_reset_password_from_key", uidb36=int_to_base36(user.pk), key=token)
    send_account_email(INVITED, to=user.email, language=user.language, link=link, by=by.get_short_name())


def consequences(user: User) -> list[str]:
    """What is deleted with the account, a sentence each."""
    return [line for _receiver, lines in inventory.send(sender=User, user=user) for line in lines or ()]


def delete_account(*, user: User, by: User) -> None:
    """Delete a user with all they own; sending stops. Raises LastSuperuser."""
    with transaction.atomic():
        # Locked in one order, so that two superusers who delete each other cannot both succeed.
        superusers = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
        if {row.pk for row in superusers} == {user.pk}:
            raise LastSuperuser
        User.objects.filter(pk=user.pk).update(is_active=False)
        record(actor=by, action=AuditEntry.Action.USER_DELETED, target=user)
        closing.send(sender=User, user=user)
        storage, picture = user.avatar.storage, user.avatar.name
        user.delete()
        if picture:
            transaction.on_commit(lambda: storage.delete(picture))


def roles_of(user: User) -> str:
    names = [group.name for group in user.groups.all()]
    if user.is_superuser:
        names.append("superuser")
    return ", ".join(names)
