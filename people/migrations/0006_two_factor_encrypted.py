"""Two-factor secrets that were stored in plain text are encrypted."""

from django.db import migrations

from people.two_factor import MARK, TwoFactorAdapter

FIELDS = ("secret", "seed")


def encrypt(apps, schema_editor):
    adapter = TwoFactorAdapter()
    for row in apps.get_model("mfa", "Authenticator").objects.filter(type__in=("totp", "recovery_codes")):
        for name in FIELDS:
            if (text := row.data.get(name)) and not text.startswith(MARK):
                row.data[name] = adapter.encrypt(text)
        row.save(update_fields=["data"])


def decrypt(apps, schema_editor):
    adapter = TwoFactorAdapter()
    for row in apps.get_model("mfa", "Authenticator").objects.filter(type__in=("totp", "recovery_codes")):
        for name in FIELDS:
            if text := row.data.get(name):
                row.data[name] = adapter.decrypt(text)
        row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0005_outgoing_email"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(encrypt, decrypt)]
