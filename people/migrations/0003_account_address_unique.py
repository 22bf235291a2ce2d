from django.db import migrations, models

import people.address_fields


class Migration(migrations.Migration):
    """By itself: PostgreSQL changes no table in the transaction that changed its rows."""

    dependencies = [("people", "0002_account_addresses")]

    operations = [
        migrations.RemoveConstraint(model_name="user", name="people_user_email_unique"),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=people.address_fields.AccountAddressField(max_length=254, verbose_name="e-mail"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                fields=("email",),
                name="people_user_email_unique",
                violation_error_message="There is an account with this e-mail already.",
            ),
        ),
    ]
