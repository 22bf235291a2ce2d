"""What clients are found by who have an attribute, or one of a value: PostgreSQL only."""

from django.db import migrations


def index_attributes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX mailer_client_attributes ON mailer_client USING gin (attributes)"
        )


def forget_attributes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS mailer_client_attributes")


class Migration(migrations.Migration):

    dependencies = [
        ('mailer', '0033_plain_labels'),
    ]

    operations = [migrations.RunPython(index_attributes, forget_attributes)]
