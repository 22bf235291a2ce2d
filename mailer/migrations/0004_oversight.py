from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('mailer', '0002_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='mailing',
            options={'ordering': ('-starts_at', '-pk'), 'permissions': (('see_all_mailings', 'Can see the mailings of all users'), ('disable_mailing', 'Can disable and enable a mailing')), 'verbose_name': 'mailing', 'verbose_name_plural': 'mailings'},
        ),
    ]
