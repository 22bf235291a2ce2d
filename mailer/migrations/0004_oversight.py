from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailer', '0003_sending'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='mailing',
            options={'ordering': ('-starts_at', '-pk'), 'permissions': (('see_all_mailings', 'Can see the mailings of all users'), ('disable_mailing', 'Can disable and enable a mailing')), 'verbose_name': 'mailing', 'verbose_name_plural': 'mailings'},
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['-scheduled_for', '-id'], name='mailer_attempt_of_all'),
        ),
        migrations.AddIndex(
            model_name='mailing',
            index=models.Index(fields=['-starts_at', '-id'], name='mailer_mailing_of_all'),
        ),
    ]
