from django.db import migrations, models


class Migration(migrations.Migration):
    """By itself: PostgreSQL adds no constraint in the transaction that changed the rows."""

    dependencies = [("mailer", "0006_address_twins")]

    operations = [
        migrations.AddConstraint(
            model_name="client",
            constraint=models.UniqueConstraint(
                fields=("owner", "address_key"),
                name="mailer_client_address_unique",
                violation_error_message="You have a client with this e-mail already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                fields=("owner", "address_key"),
                name="mailer_suppression_address_unique",
                violation_error_message="This address is suppressed already.",
            ),
        ),
    ]
