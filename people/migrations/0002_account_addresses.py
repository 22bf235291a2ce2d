"""Accounts keep the spelling of the mailbox that their mail went to until now, and that confirmed it."""

from django.core.exceptions import ValidationError
from django.db import migrations

import people.address_fields
from people.addresses import account_address


def mailbox(email):
    """Where mail to an address went as long as domains were mapped by IDNA 2003 (RFC 3490)."""
    local, _at, domain = email.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        pass  # it went nowhere
    return account_address(f"{local}@{domain}")


def respell(apps, schema_editor):
    user_model = apps.get_model("people", "User")
    said = []
    for user in user_model.objects.order_by("pk").only("pk", "email"):
        try:
            email = mailbox(user.email)
        except ValidationError:
            said.append(f"user {user.pk}: {ascii(user.email)[1:-1]} is no address that mail can be sent to")
            continue
        if email == user.email:
            continue
        if taken := user_model.objects.filter(email=email).exclude(pk=user.pk).first():
            said.append(f"user {user.pk}: {ascii(user.email)[1:-1]} is the mailbox of user {taken.pk}")
            continue
        user_model.objects.filter(pk=user.pk).update(email=email)
    respell_confirmations(apps.get_model("account", "EmailAddress"))
    if said:
        print("\n    Accounts that were left as they are, and need a look in the administration:")
        print("".join(f"        {line}\n" for line in said), end="")


def respell_confirmations(model):
    for row in model.objects.order_by("pk"):
        try:
            email = mailbox(row.email)
        except ValidationError:
            continue
        same = model.objects.filter(email=email).exclude(pk=row.pk)
        if email != row.email and not same.exists():
            model.objects.filter(pk=row.pk).update(email=email)


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial"), ("account", "0009_emailaddress_unique_primary_email")]

    operations = [
        migrations.RunPython(respell, migrations.RunPython.noop),
    ]
