"""What the lists of an owner with very many clients are read by."""

from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction


def index_texts(apps, schema_editor):
    """An index of trigrams for searches, where the database has them or lets us have them.

    Without it a search reads all clients of an owner: docs/operations.md says how to make it later.
    """
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return
    schema_editor.execute(
        "CREATE INDEX mailer_client_search ON mailer_client"
        " USING gin (upper(email) gin_trgm_ops, upper(full_name) gin_trgm_ops)"
    )


def forget_texts(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS mailer_client_search")


class Migration(migrations.Migration):

    dependencies = [
        ('mailer', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='client',
            index=models.Index(fields=['owner', 'created_at', 'id'], name='mailer_client_by_date'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('possibly_twice', True)), fields=['attempt', 'id'], name='mailer_delivery_twice'),
        ),
        migrations.RunPython(index_texts, forget_texts),
    ]
