from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from people.account_emails import TWO_FACTOR_REMOVED, send_account_email
from people.addresses import spelled
from people.audit import record_whoever
from people.models import AuditEntry, User


class Command(BaseCommand):
    help = "For somebody who has lost phone and passkey: let them log in with their password alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    @transaction.atomic
    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=spelled(email)).first()
        if user is None:
            raise CommandError(f"Nobody has an account as {email}.")
        if not Authenticator.objects.filter(user=user).delete()[0]:
            raise CommandError(f"{email} has no second factor.")
        record_whoever(action=AuditEntry.Action.TWO_FACTOR_OFF, target=user)
        send_account_email(TWO_FACTOR_REMOVED, to=user.email, language=user.language)
        self.stdout.write(f"{email} logs in with the password alone now, and was told so by email.")
