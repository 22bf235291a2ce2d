import re

from django.db import migrations, models

CHUNK = 500
# As bodies were told apart until now: only what HTML knows, so that “<anna@example.com>” is no tag.
LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
TAG = re.compile(
    r"</?(?:a|abbr|address|area|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|"
    r"colgroup|dd|del|details|div|dl|dt|em|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|img|"
    r"input|ins|label|li|link|main|map|mark|meta|nav|object|ol|optgroup|option|p|picture|pre|q|s|script|section|"
    r"select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|"
    r"thead|title|tr|tt|u|ul|video)(?:\s[^<>]*|/)?>|<!--|<!\[if|<!doctype",
    re.IGNORECASE,
)


def is_text(body):
    return not TAG.search(LIQUID.sub("", body))


def name_formats(apps, schema_editor):
    """What is kept already says from now on what it is."""
    for name in ("Message", "Attempt"):
        rows = apps.get_model("mailer", name).objects.using(schema_editor.connection.alias)
        last = 0
        while chunk := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", "body")[:CHUNK]):
            rows.filter(pk__in=[pk for pk, body in chunk if is_text(body)]).update(format="text")
            last = chunk[-1][0]


class Migration(migrations.Migration):

    dependencies = [
        ('mailer', '0008_client_imports'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='format',
            field=models.CharField(choices=[('blocks', 'blocks'), ('html', 'HTML source'), ('text', 'plain text')], default='html', max_length=10, verbose_name='format'),
        ),
        migrations.AddField(
            model_name='message',
            name='format',
            field=models.CharField(choices=[('blocks', 'blocks'), ('html', 'HTML source'), ('text', 'plain text')], default='html', max_length=10, verbose_name='format'),
        ),
        migrations.RunPython(name_formats, migrations.RunPython.noop, elidable=True),
    ]
