from django.db import migrations, models

import people.address_fields


class Migration(migrations.Migration):
    dependencies = [("mailer", "0004_refusals")]

    operations = [
        # Away first: the next migration gives twins the same spelling, and then makes one row of them.
        migrations.RemoveConstraint(model_name="client", name="mailer_client_email_unique"),
        migrations.RemoveConstraint(model_name="suppression", name="mailer_suppression_unique"),
        migrations.AlterField(
            model_name="client", name="email", field=people.address_fields.AddressField(max_length=254, verbose_name="e-mail")
        ),
        migrations.AlterField(
            model_name="suppression", name="email", field=people.address_fields.AddressField(max_length=254, verbose_name="e-mail")
        ),
        migrations.AddField(model_name="client", name="address_key", field=people.address_fields.AddressKeyField()),
        migrations.AddField(model_name="suppression", name="address_key", field=people.address_fields.AddressKeyField()),
        migrations.AddField(
            model_name="delivery",
            name="address_key",
            field=models.CharField(
                editable=False,
                help_text="By what the stop-list knows the address, where that is not the address as it stands.",
                max_length=508,
                null=True,
            ),
        ),
    ]
