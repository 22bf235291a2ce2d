"""Dates and numbers in the language of the message."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from mailer.composing.attribute_values import nothing, samples, typed
from mailer.composing.compiling import check_template
from mailer.composing.drafts import Written
from mailer.composing.looking import look
from mailer.composing.merge import parse
from mailer.models import Attribute
from testing.factories import ClientFactory, MessageFactory
from testing.pages import flat
from testing.sending import make_mailing

KINDS = {"since": "date", "points": "number", "city": "text", "vip": "yes_no"}


def filled(source, language="en", **values):
    with translation.override(language):
        given = {key: typed(KINDS[key], value) for key, value in values.items()}
    with translation.override("en"):  # whatever is active when mail is written
        return parse(source).render(**{**nothing(KINDS), **given})


@pytest.mark.parametrize(
    ("style", "en", "ru"),
    [
        ("", "9 May 2026", "9 мая 2026"),
        (": 'long'", "9 May 2026", "9 мая 2026"),
        (": 'short'", "9 May 2026", "09.05.2026"),
        (": 'day'", "9 May", "9 мая"),
        (": 'month'", "May 2026", "май 2026"),
        (": 'weekday'", "Saturday", "суббота"),
        (": 'year'", "2026", "2026"),
    ],
)
def test_dates(style, en, ru):
    for language, expected in (("en", en), ("ru", ru)):
        assert filled(f"{{{{ since | date{style} }}}}", language, since="2026-05-09") == expected


@pytest.mark.parametrize(
    ("source", "value", "en", "ru"),
    [
        ("number", 1234567, "1,234,567", "1\xa0234\xa0567"),
        ("number: 2", 1234.5, "1,234.50", "1\xa0234,50"),
        ("number: 0", 0.4, "0", "0"),
        ("number", -0.5, "-0.5", "-0,5"),
        ("number", 10**15, "1,000,000,000,000,000", "1\xa0000\xa0000\xa0000\xa0000\xa0000"),
    ],
)
def test_numbers(source, value, en, ru):
    for language, expected in (("en", en), ("ru", ru)):
        assert filled(f"{{{{ points | {source} }}}}", language, points=value) == expected


@pytest.mark.parametrize("name", ["since", "points", "city", "vip"])
@pytest.mark.parametrize("use", ["date", "number: 2"])
def test_what_is_no_date_or_number_stays_as_it_is(name, use):
    values = {"since": "long ago", "points": "many", "city": "Riga", "vip": True}
    plain = filled(f"{{{{ {name} }}}}", **{name: values[name]})
    assert filled(f"{{{{ {name} | {use} }}}}", **{name: values[name]}) == plain
    assert filled(f"{{{{ {name} | {use} | default: 'none' }}}}") == "none"


@pytest.mark.parametrize(
    "use", ["date: 'odd'", "date: 3", "date: city", "number: 7", "number: -1", "number: 'x'"]
)
def test_a_format_that_there_is_not_cannot_be_saved(use):
    with pytest.raises(ValidationError):
        check_template(f"{{{{ since | {use} }}}}", attributes=samples(KINDS))


@pytest.mark.django_db(transaction=True)
def test_mail_and_preview_follow_the_message(owner, smtp):
    for key in ("since", "points"):
        Attribute.objects.create(owner=owner, key=key, kind=KINDS[key])
    client = ClientFactory(owner=owner, attributes={"since": "2026-05-09", "points": 12345})
    body = "<p>Вы с нами с {{ since | date }}, у вас баллов: {{ points | number }}</p>"
    message = MessageFactory(owner=owner, subject="Ваши баллы", body=body)
    make_mailing(owner, [client], message=message)
    text = look(
        written=Written(subject="Ваши баллы", format="html", body=body), owner=owner, client=client
    ).text
    assert "Вы с нами с 9 мая 2026, у вас баллов: 12\xa0345" in text
    assert text.encode()[:60] in smtp.mails[0].content


@pytest.mark.django_db
def test_the_picker_offers_them(owner, browser):
    for key in ("since", "points"):
        Attribute.objects.create(owner=owner, key=key, kind=KINDS[key])
    html = flat(browser.get(f"/messages/{MessageFactory(owner=owner).pk}/edit/"))
    for tag in ("{{ since | date }}", "{{ points | number: 2 }}", "{% if points %}…{% else %}…{% endif %}"):
        assert f'data-merge="{tag}"' in html
    assert "{{ first_name | default: &#x27;…&#x27; }}" in html
