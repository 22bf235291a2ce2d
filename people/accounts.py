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
    """Somebody must be left who can do everything."""


def mark_verified(user: User) -> None:
    """Let a user log in without proving by a mail that the address is theirs. Safe to call twice."""
    with transaction.atomic():
        addresses = EmailAddress.objects.filter(user=user)
        addresses.exclude(email=user.email).delete()
        EmailAddress.objects.update_or_create(
            user=user, email=user.email, defaults={"verified": True, "primary": True}
        )


def create_user(*, user: User, groups: Collection[Group], by: User) -> User:
    """Save a user made by a superuser, who vouches for the address, and mail an invitation.

    The password is set by following the link in it.
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
    """Save what a superuser changed; another address takes the old one's place, and counts as verified."""
    with transaction.atomic():
        user.email = account_address(user.email)
        user.save(update_fields=EDITED)  # what a manager changed meanwhile stays
        user.groups.set(groups)
        mark_verified(user)
        record(actor=by, action=AuditEntry.Action.USER_EDITED, target=user, detail=roles_of(user))
    return user


def password_was_set(*, user: User) -> None:
    """Tell somebody that an administrator set their password."""
    send_account_email(
        PASSWORD_SET_BY, to=user.email, language=user.language, link=address("account_reset_password")
    )


def invite(*, user: User, by: User) -> None:
    """Mail a link by which the user sets a password."""
    token = default_token_generator.make_token(user)
    link = address("account_reset_password_from_key", uidb36=int_to_base36(user.pk), key=token)
    send_account_email(INVITED, to=user.email, language=user.language, link=link, by=by.get_short_name())


def consequences(user: User) -> list[str]:
    """What goes with the account, a sentence each."""
    return [line for _receiver, lines in inventory.send(sender=User, user=user) for line in lines or ()]


def delete_account(*, user: User, by: User) -> None:
    """Delete a user with all they own; what is being sent stops. LastSuperuser if nobody else is one."""
    with transaction.atomic():
        # Locked in one order: two superusers who delete each other at once cannot both succeed.
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
