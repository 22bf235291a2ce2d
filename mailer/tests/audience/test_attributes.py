"""Attributes of clients: typed, checked, in forms, messages, imports, exports, lists and filters."""

import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from mailer.audience.attributes import define, forget_values
from mailer.audience.importing import CannotRead, import_clients
from mailer.composing.attribute_values import AttributeValues, names_attributes
from mailer.models import Attribute, Client, Delivery
from mailer.models.attribute import clean_key, guess_kind, key_from, read_value
from mailer.sending.opening import run_now
from testing.factories import ClientFactory, MailingFactory, MessageFactory
from testing.pages import DIALOG, flat


@pytest.fixture
def kinds(owner):
    kinds = {"age": "number", "born": "date", "city": "text", "vip": "yes_no"}
    for key, kind in kinds.items():
        define(owner=owner, key=key, kind=kind)
    return kinds


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "  Tver ", "Tver"),
        ("text", "a\r\nb", "a\nb"),
        ("number", "12", 12),
        ("number", "1 234,50", 1234.5),
        ("number", "\u22125", -5),
        ("date", "27.11.2026", "2026-11-27"),
        ("date", "2026-11-27 00:00:00", "2026-11-27"),
        ("yes_no", "Да", True),
        ("yes_no", "0", False),
        ("number", "", None),
    ],
)
def test_values_are_read_as_people_write_them(kind, text, value):
    assert read_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "twelve"),
        ("number", "1e400"),
        ("number", "nan"),
        ("number", "9" * 16),
        ("date", "31.02.2026"),
        ("yes_no", "perhaps"),
        ("text", "x" * 501),
        ("text", "a\0b"),
    ],
)
def test_what_is_no_such_value_is_refused(kind, text):
    with pytest.raises(ValidationError):
        read_value(kind, text)


@pytest.mark.parametrize(("name", "key"), [(" City ", "city"), ("Город", "город"), ("a_1", "a_1")])
def test_names_have_one_spelling(name, key):
    assert clean_key(name) == key


@pytest.mark.parametrize("name", ["", "1a", "_a", "a b", "a-b", "email", "true", "x" * 41, "a\nb", "{{ a }}"])
def test_what_no_attribute_can_be_called(name):
    with pytest.raises(ValidationError):
        clean_key(name)


def test_a_heading_becomes_a_name():
    assert [key_from(text) for text in ("Favourite colour", "Дата рождения", "№ 5", "E-mail", "--")] == [
        "favourite_colour", "дата_рождения", "no_5", "e_mail", "",
    ]  # fmt: skip


def test_a_kind_is_guessed_from_all_texts():
    assert guess_kind(["1", "2,5"]) == "number"
    assert guess_kind(["01.02.2026", "2026-02-03"]) == "date"
    assert guess_kind(["yes", "нет"]) == "yes_no"
    assert guess_kind(["1", "x"]) == guess_kind([]) == "text"


@pytest.mark.parametrize("bad", ["x", {"A": 1}, {"a": [1]}, {"a": None}, {"a": float("inf")}, {"email": "x"}])
def test_the_model_refuses_what_is_no_attribute(owner, bad):
    client = ClientFactory.build(owner=owner, attributes=bad)
    with pytest.raises(ValidationError) as caught:
        client.full_clean()
    assert set(caught.value.error_dict) == {"attributes"}


def form_of(client, **fields):
    return {"email": client.email, "full_name": client.full_name, "comment": "", "new_kind": "text", **fields}


def test_a_clients_form_sets_empties_and_adds_attributes(owner, browser, kinds):
    client = ClientFactory(owner=owner, attributes={"city": "Tver", "age": 30, "stale": "kept"})
    url = reverse("client_edit", args=[client.pk])
    sent = form_of(
        client, attribute_city="", attribute_age="31", attribute_born="2000-01-02", attribute_vip="no"
    )
    assert (
        browser.post(url, sent | {"new_key": "Shoe", "new_kind": "number", "new_value": "42,5"}).status_code
        == 302
    )
    client.refresh_from_db()
    assert client.attributes == {"age": 31, "born": "2000-01-02", "vip": False, "shoe": 42.5, "stale": "kept"}
    assert Attribute.objects.owned_by(owner).kinds() == {**kinds, "shoe": "number"}
    page = flat(browser.get(url))
    assert 'value="2000-01-02"' in page
    assert 'value="42.5"' in page


def test_a_client_is_created_with_its_first_attribute_and_without_a_script(owner, browser):
    sent = {"email": "a@example.org", "new_key": "city", "new_kind": "text", "new_value": "<b>Tver</b>"}
    assert browser.post(reverse("client_create"), sent).status_code == 302
    assert Client.objects.get().attributes == {"city": "<b>Tver</b>"}
    assert Attribute.objects.owned_by(owner).kinds() == {"city": "text"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"attribute_age": "old"}, "attribute_age"),
        ({"attribute_born": "yesterday"}, "attribute_born"),
        ({"attribute_city": "x" * 501}, "attribute_city"),
        ({"new_key": "City", "new_value": "x"}, "new_key"),
        ({"new_key": "email", "new_value": "x"}, "new_key"),
        ({"new_key": "a b", "new_value": "x"}, "new_key"),
        ({"new_value": "x"}, "new_key"),
        ({"new_key": "shoe", "new_kind": "number", "new_value": "x"}, "new_value"),
        ({"new_key": "shoe", "new_kind": "nonsense", "new_value": "x"}, "new_kind"),
    ],
)
def test_a_form_says_what_is_wrong_with_an_attribute(owner, browser, kinds, fields, field):
    client = ClientFactory(owner=owner)
    answer = browser.post(reverse("client_edit", args=[client.pk]), form_of(client, **fields), headers=DIALOG)
    assert (answer.status_code, set(answer.context["form"].errors)) == (422, {field})
    client.refresh_from_db()
    assert client.attributes == {}


def test_another_users_attributes_are_not_offered(owner, stranger, browser):
    define(owner=stranger, key="secret", kind="text")
    client = ClientFactory(owner=owner)
    sent = form_of(client, attribute_secret="x")
    assert browser.post(reverse("client_edit", args=[client.pk]), sent).status_code == 302
    client.refresh_from_db()
    assert client.attributes == {}
    assert "secret" not in flat(browser.get(reverse("clients")))


def compared(value: Any) -> Any:
    """What a condition compares."""
    return value.__liquid__()


def test_attributes_fill_a_message_each_as_what_it_is(kinds):
    values = AttributeValues(["city", "age", "vip", "born", "gone", "email"], kinds, language="en")
    found = values.of('{"city": "Tver", "age": 30, "vip": false, "born": "2026-11-27", "other": 1}')
    assert found == {"city": "Tver", "age": "30", "vip": "no", "born": "Nov. 27, 2026", "gone": ""}
    assert [compared(found[name]) for name in ("age", "vip", "gone")] == [30, False, None]
    assert values.of(None) == values.of("[]") == values.of("{") == dict.fromkeys(found, "")


def test_a_message_may_name_the_owners_attributes_and_no_others(owner, stranger, browser, kinds):
    define(owner=stranger, key="secret", kind="text")
    url = reverse("message_edit", args=[MessageFactory(owner=owner, format="text").pk])
    body = "{% if age > 18 %}{{ born }}{% endif %}"
    sent = {"do": "save", "format": "text", "subject": "To {{ city }}", "body": body}
    assert browser.post(url, sent).status_code == 302
    answer = browser.post(url, {**sent, "body": "{{ secret }}"})
    assert (answer.status_code, set(answer.context["form"].head.errors)) == (422, {"body"})


@pytest.mark.django_db(transaction=True)
def test_each_recipient_is_mailed_their_own_attributes(owner, kinds, smtp):
    message = MessageFactory(
        owner=owner,
        subject="To {{ city | default: 'you' }}",
        format="text",
        body="{% if vip %}VIP{% else %}guest{% endif %}, {{ age }}.\n{{ unsubscribe_url }}",
    )
    mailing = MailingFactory(message=message)
    attributes = [
        {"city": "Тверь", "vip": True, "age": 7},
        {"vip": False},
        {"city": "a\r\nBcc: x@example.org"},
    ]
    people = [ClientFactory(owner=owner, attributes=held) for held in attributes]
    mailing.clients.set(people)
    attempt = run_now(mailing=mailing, after=None)
    assert [d.attributes for d in attempt.deliveries.order_by("pk")] == attributes
    mails = {mail.recipient: mail for mail in smtp.mails}
    found = [mails[person.email] for person in people]
    assert [mail.parsed["Subject"] for mail in found] == ["To Тверь", "To you", "To a Bcc: x@example.org"]
    assert [mail.part("plain").partition("\n")[0] for mail in found] == [
        "VIP, 7.", "guest, .", "guest, .",
    ]  # fmt: skip


def test_a_ledger_keeps_attributes_only_for_a_message_that_names_them(owner, kinds):
    assert names_attributes("{{ city }}", "")
    assert names_attributes("", "{% if age %}x{% endif %}")
    assert not names_attributes("{{ full_name }}", "{{ unsubscribe_url }} {{ broken")
    mailing = MailingFactory(message__owner=owner)
    mailing.clients.add(ClientFactory(owner=owner, attributes={"city": "Tver"}))
    run_now(mailing=mailing, after=None)
    assert Delivery.objects.get().attributes is None


def take(owner, text, **options):
    return import_clients(io.BytesIO(text.encode()), owner=owner, **options)


def test_columns_called_like_an_attribute_hold_it(owner, kinds):
    imported = take(owner, "email,City,Age,Born,VIP,other\na@example.org,Tver,30,01.02.2000,да,x\n")
    assert Client.objects.get().attributes == {"city": "Tver", "age": 30, "born": "2000-02-01", "vip": True}
    assert imported.unused == ["other"]


def test_a_column_is_mapped_to_a_new_attribute(owner):
    take(
        owner, "email;Размер\na@example.org;42\nb@example.org;\n", mapping={"Размер": "attribute:size:number"}
    )
    assert Attribute.objects.owned_by(owner).kinds() == {"size": "number"}
    assert dict(Client.objects.values_list("email", "attributes")) == {
        "a@example.org": {"size": 42},
        "b@example.org": {},
    }


@pytest.mark.parametrize(
    "what", ["attribute:email", "attribute:a b", "attribute:city:colour", "attribute:age:text"]
)
def test_no_column_holds_what_can_be_no_attribute(owner, kinds, what):
    with pytest.raises(CannotRead):
        take(owner, "email,x\na@example.org,1\n", mapping={"x": what})
    assert not Client.objects.exists()


@pytest.mark.parametrize(
    ("known", "attributes"),
    [
        ("update", {"city": "Omsk", "age": 30, "vip": True}),
        ("fill", {"city": "Tver", "age": 30, "vip": True}),
        ("skip", {"city": "Tver", "age": 30}),
    ],
)
def test_known_clients_get_attributes_as_they_get_names(owner, kinds, known, attributes):
    client = ClientFactory(owner=owner, email="a@example.org", attributes={"city": "Tver", "age": 30})
    text = "email,city,vip\na@example.org,Omsk,yes\n"
    first, second = take(owner, text, known=known), take(owner, text, known=known)
    client.refresh_from_db()
    assert client.attributes == attributes
    assert (first.changed, second.changed) == (int(known != "skip"), 0)


def test_a_value_that_is_none_is_left_out_and_told(owner, kinds, browser):
    imported = take(owner, "email,age\na@example.org,old\n")
    assert (imported.created, imported.refused) == (1, 0)
    assert Client.objects.get().attributes == {}


def test_what_is_exported_is_imported_again(owner, stranger, browser, kinds):
    held = {"city": "=Tver", "age": 30.5, "born": "2000-02-01", "vip": False}
    ClientFactory(owner=owner, email="a@example.org", attributes=held)
    text = b"".join(browser.get(reverse("clients_export")).streaming_content).decode()
    assert text.splitlines() == [
        "email,full_name,comment,stop_list,stop_list_since,age,born,city,vip",
        f"a@example.org,{Client.objects.get().full_name},,,,30.5,2000-02-01,'=Tver,no",
    ]
    for key, kind in kinds.items():
        define(owner=stranger, key=key, kind=kind)
    take(stranger, text)
    assert Client.objects.owned_by(stranger).get().attributes == held


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("attribute=city", {"a", "b"}),
        ("attribute=city&value=Tver", {"a"}),
        ("attribute=city&test=not&value=Tver", {"b", "c"}),
        ("attribute=city&test=has&value=M", {"b"}),
        ("attribute=city&test=unset", {"c"}),
        ("attribute=age&test=from&value=30", {"a"}),
        ("attribute=age&test=to&value=30", {"a", "b"}),
        ("attribute=age&value=7,0", {"b"}),
        ("attribute=born&test=from&value=02.02.2000", {"b"}),
        ("attribute=born&test=to&value=2000-02-01", {"a"}),
        ("attribute=vip&value=yes", {"a"}),
        ("attribute=vip&value=no", {"c"}),
        ("attribute=vip&test=not&value=no", {"a", "b"}),
        # what cannot be chooses nobody
        ("attribute=age&value=old", set()),
        ("attribute=vip&test=from&value=yes", set()),
        ("attribute=age&test=has&value=3", set()),
        ("attribute=city&test=not", set()),
        ("attribute=unknown&value=1", set()),
        ("attribute=city&test=nonsense&value=1", set()),
        ("value=Tver", set()),
    ],
)
def test_the_list_is_filtered_by_attributes(owner, browser, kinds, query, found):
    held: dict[str, dict[str, object]] = {
        "a": {"city": "Tver", "age": 30, "born": "2000-02-01", "vip": True},
        "b": {"city": "Moscow", "age": 7, "born": "2000-02-03"},
        "c": {"vip": False},
    }
    for name, attributes in held.items():
        ClientFactory(owner=owner, email=f"{name}@example.org", attributes=attributes)
    answer = browser.get(f"{reverse('clients')}?{query}")
    assert {row.record.email[0] for row in answer.context["table"].page.object_list} == found


def test_chosen_attributes_are_columns(owner, browser, kinds):
    ClientFactory(owner=owner, attributes={"age": 30, "vip": False, "city": "<i>"})
    fixed = ["groups", "suppressed", "created_at"]
    chosen = [*fixed, "attribute_age", "attribute_vip", "attribute_city"]
    assert browser.post(reverse("client_columns"), {"columns": chosen}).status_code == 302
    page = browser.get(reverse("clients"))
    names = [str(column.header) for column in page.context["table"].columns][1:]
    assert names == ["Email", "age", "city", "vip", "Groups", "Stop-list", "Added", "Actions"]
    assert "&lt;i&gt;" in page.content.decode()
    assert browser.post(reverse("client_columns"), {"columns": ["attribute_foreign"]}).status_code == 422
    assert browser.post(reverse("client_columns"), {}).status_code == 302
    assert not Attribute.objects.filter(in_list=True).exists()


def test_a_deleted_attribute_goes_with_its_values(owner, stranger, browser, kinds):
    mine = ClientFactory(owner=owner, attributes={"city": "Tver", "age": 30})
    theirs = ClientFactory(owner=stranger, attributes={"city": "Tver"})
    attribute = Attribute.objects.owned_by(owner).get(key="city")
    assert browser.post(reverse("attribute_delete", args=[attribute.pk])).status_code == 302
    assert forget_values(owner_id=owner.pk, key="city") == 1
    assert forget_values(owner_id=owner.pk, key="city") == 0
    assert forget_values(owner_id=owner.pk, key="age") == 0  # which is there
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.attributes, theirs.attributes) == ({"age": 30}, {"city": "Tver"})
