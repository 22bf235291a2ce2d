"""Clients: create, edit, delete and gather into groups, in the dialog and without JavaScript."""

import json
import uuid

import pytest
from django.urls import reverse

from mailer.audience.membership import put_into
from mailer.forms.client import ClientForm
from mailer.models import Client, Suppression
from site_config.ui.panels import CreatePanel
from testing.factories import ClientFactory, ClientGroupFactory, DeliveryFactory
from testing.pages import DIALOG, flat

NEW = "/clients/new/"


def events(answer):
    return json.loads(answer["HX-Trigger"])


def beside(answer, field):
    """The messages under one field, and that the page shows them there."""
    errors = answer.context["form"].errors.get(field, [])
    if errors and field in answer.context["form"].fields:
        assert f'id="id_{field}_error"' in answer.content.decode()
        assert 'aria-invalid="true"' in answer.content.decode()
    return list(errors)


def form(**fields):
    return {"email": "anna@example.org", "full_name": "", "comment": "", "form_key": uuid.uuid4(), **fields}


def test_the_empty_form_is_a_page_or_a_dialog_and_carries_a_key(browser):
    page, dialog = browser.get(NEW), browser.get(NEW, headers=DIALOG)
    assert b"<html" in page.content
    assert dialog.content.strip().startswith(b'<form class="dialog-form"')
    assert b'hx-post="/clients/new/"' in dialog.content
    keys = {answer.context["form"]["form_key"].value() for answer in (page, dialog)}
    assert len(keys) == 2
    assert all(str(key) in page.content.decode() + dialog.content.decode() for key in keys)


def test_create_without_javascript(browser, owner):
    group = ClientGroupFactory(owner=owner)
    data = form(email=" Anna@EXAMPLE.Org ", full_name="Анна", comment="x\ny", groups=[group.pk])
    answer = browser.post(NEW, data, follow=True)
    assert answer.redirect_chain == [("/clients/", 302)]
    assert [str(message) for message in answer.context["messages"]] == ["The client was added."]
    client = Client.objects.get()
    assert (client.owner, client.email, client.full_name) == (owner, "Anna@example.org", "Анна")
    assert client.comment == "x\ny"
    assert (client.form_key, list(client.groups.all())) == (data["form_key"], [group])


def test_create_in_the_dialog_reloads_the_list(browser):
    answer = browser.post(NEW, form(), headers=DIALOG)
    assert (answer.status_code, answer.content) == (204, b"")
    assert events(answer) == {
        "clients:changed": True,
        "dialog:close": True,
        "toasts": [{"level": "success", "text": "The client was added."}],
    }
    assert Client.objects.count() == 1


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_the_same_form_sent_twice_makes_one_client(headers, browser):
    data = form()
    answers = [browser.post(NEW, data, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == ([204, 204] if headers else [302, 302])
    assert Client.objects.count() == 1


def test_the_same_form_sent_twice_at_once_makes_one_client(browser, monkeypatch):
    data = form()
    browser.post(NEW, data)
    real, calls = CreatePanel.earlier, []

    def late(view):
        calls.append(view)
        return None if len(calls) == 1 else real(view)

    monkeypatch.setattr(CreatePanel, "earlier", late)
    monkeypatch.setattr(ClientForm, "validate_constraints", lambda form: None)
    assert browser.post(NEW, data).status_code == 302
    assert (Client.objects.count(), len(calls)) == (1, 2)


def test_the_form_of_another_user_is_no_way_to_their_client(stranger, client_of, browser):
    data = form()
    browser.post(NEW, data)
    answer = client_of(stranger).post(NEW, {**data, "email": "other@example.org"})
    assert answer.status_code == 422
    assert beside(answer, "__all__") == ["This could not be saved. Reload the page and try again."]
    assert list(Client.objects.values_list("email", flat=True)) == ["anna@example.org"]


def test_another_client_with_the_address_at_the_same_instant(browser, owner, monkeypatch):
    real, calls = ClientForm.validate_constraints, []

    def too_early(form):
        calls.append(form)
        if len(calls) > 1:
            real(form)

    monkeypatch.setattr(ClientForm, "validate_constraints", too_early)
    ClientFactory(owner=owner, email="ANNA@example.org")
    answer = browser.post(NEW, form())
    assert (answer.status_code, Client.objects.count()) == (422, 1)
    assert beside(answer, "email") == ["You already have a client with this email."]


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("email", "", "This field is required."),
        ("email", "anna", "Enter a valid email address."),
        ("email", "anna@exa mple.org", "Enter a valid email address."),
        ("email", "a\r\nBcc: b@example.org", "Enter a valid email address."),
        ("email", "a\x00@example.org", "Null characters are not allowed."),
        ("email", f"{'a' * 250}@example.org", "Ensure this value has at most 254 characters (it has 262)."),
        ("email", "TAKEN@example.org", "You already have a client with this email."),
        ("full_name", "A\r\nBcc: b", "Line breaks and control characters are not allowed here."),
        ("full_name", "A\u2028B", "Line breaks and control characters are not allowed here."),
        ("full_name", "A\x00B", "Null characters are not allowed."),
        ("full_name", "x" * 151, "Ensure this value has at most 150 characters (it has 151)."),
        ("comment", "x" * 1_000_000, "Ensure this value has at most 2000 characters (it has 1000000)."),
        ("groups", "0", "One of these groups is not yours or no longer exists. Reload the page."),
        ("groups", "x", "One of these groups is not yours or no longer exists. Reload the page."),
        ("groups", "9" * 30, "One of these groups is not yours or no longer exists. Reload the page."),
        ("groups", "foreign", "One of these groups is not yours or no longer exists. Reload the page."),
    ],
)
def test_bad_input_gets_a_message_beside_the_field(field, value, says, headers, browser, owner, stranger):
    ClientFactory(owner=owner, email="taken@example.org")
    ClientGroupFactory(owner=owner)
    if value == "foreign":
        value = ClientGroupFactory(owner=stranger).pk
    answer = browser.post(NEW, form(**{field: value}), headers=headers)
    assert answer.status_code == 422
    assert says in beside(answer, field)
    assert set(answer.context["form"].errors) == {field}
    assert (b"<html" in answer.content) is not bool(headers)
    assert Client.objects.count() == 1


def test_a_damaged_key_is_told(browser):
    answer = browser.post(NEW, form(form_key="x"))
    assert answer.status_code == 422
    assert "Enter a valid UUID." in answer.content.decode()


def test_the_address_may_belong_to_several_owners(browser, stranger):
    ClientFactory(owner=stranger, email="anna@example.org")
    assert browser.post(NEW, form()).status_code == 302
    assert Client.objects.count() == 2


def test_a_group_s_page_offers_its_group(browser, owner):
    group = ClientGroupFactory(owner=owner)
    answer = browser.get(f"{NEW}?group={group.pk}&group=x", headers=DIALOG)
    assert f'value="{group.pk}" checked' in flat(answer)


def test_edit_in_the_dialog_gives_the_row_back(browser, owner):
    client = ClientFactory(owner=owner, email="anna@example.org")
    Suppression.objects.create(owner=owner, email="anna@example.org", reason="bounced")
    url = reverse("client_edit", args=[client.pk])
    group = ClientGroupFactory(owner=owner, name="Readers")
    answer = browser.post(url, form(full_name="Anna <b>", groups=[group.pk]), headers=DIALOG)
    html = answer.content.decode()
    assert (answer.status_code, answer["HX-Retarget"], answer["HX-Reswap"]) == (
        200,
        f"#client-{client.pk}",
        "outerHTML",
    )
    assert html.strip().startswith(f'<tr id="client-{client.pk}"')
    assert html.count("<tr") == 1
    for part in ("Anna &lt;b&gt;", "Readers", "hard bounce", f'href="{url}"'):
        assert part in html
    assert events(answer) == {
        "dialog:close": True,
        "toasts": [{"level": "success", "text": "The client was saved."}],
    }


def test_edit_without_javascript(browser, owner):
    client = ClientFactory(owner=owner, email="anna@example.org")
    client.groups.add(ClientGroupFactory(owner=owner))
    key = client.form_key
    url = reverse("client_edit", args=[client.pk])
    assert b"checked" in browser.get(url).content
    assert browser.post(url, form(email="ANNA@example.org")).status_code == 302
    client.refresh_from_db()
    assert (client.email, client.groups.count(), client.form_key) == ("ANNA@example.org", 0, key)


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_bad_edit_changes_nothing(headers, browser, owner):
    ClientFactory(owner=owner, email="taken@example.org")
    client = ClientFactory(owner=owner, email="anna@example.org", full_name="Anna")
    group = ClientGroupFactory(owner=owner)
    client.groups.add(group)
    url = reverse("client_edit", args=[client.pk])
    answer = browser.post(url, form(email="Taken@example.org", full_name="New"), headers=headers)
    assert answer.status_code == 422
    assert beside(answer, "email") == ["You already have a client with this email."]
    client.refresh_from_db()
    assert (client.email, client.full_name, list(client.groups.all())) == (
        "anna@example.org",
        "Anna",
        [group],
    )


def test_delete_says_what_goes_and_goes(browser, owner):
    client = ClientFactory(owner=owner, email="anna@example.org")
    delivery = DeliveryFactory(client=client, attempt__mailing__message__owner=owner, status="queued")
    url = reverse("client_delete", args=[client.pk])
    page = browser.get(url).content.decode()
    assert "Reports keep the address." in page
    assert "1 mail waiting to be sent to this client will not go out." in page
    assert Client.objects.filter(pk=client.pk).exists()
    answer = browser.post(url, headers=DIALOG)
    assert answer.status_code == 204
    assert set(events(answer)) == {"clients:changed", "dialog:close", "toasts"}
    assert not Client.objects.filter(pk=client.pk).exists()
    delivery.refresh_from_db()
    assert (delivery.client, delivery.email) == (None, "anna@example.org")
    assert browser.post(url).status_code == 404


def test_delete_without_javascript(browser, owner):
    client = ClientFactory(owner=owner)
    answer = browser.post(reverse("client_delete", args=[client.pk]))
    assert (answer.status_code, answer["Location"]) == (302, "/clients/")
    assert not Client.objects.exists()


def test_joining_takes_one_statement_and_may_be_repeated(owner, django_assert_num_queries):
    group = ClientGroupFactory(owner=owner)
    ClientFactory.create_batch(30, owner=owner)
    with django_assert_num_queries(4):  # savepoint, lock, INSERT … SELECT, release
        assert len(put_into(group=group, clients=Client.objects.owned_by(owner))) == 30
    assert put_into(group=group, clients=Client.objects.owned_by(owner)) == []
    assert group.clients.count() == 30
    group.delete()
    group.pk = 1
    assert put_into(group=group, clients=Client.objects.owned_by(owner)) == []


def seen(answer):
    return answer.context["form"]["seen"].value()


def test_two_windows_do_not_undo_each_other_s_changes_unseen(browser, owner):
    group = ClientGroupFactory(owner=owner)
    client = ClientFactory(owner=owner, email="anna@example.org", full_name="Anna")
    url = reverse("client_edit", args=[client.pk])
    stood = seen(browser.get(url))
    first = {"email": "anna@example.org", "full_name": "Anna", "groups": [group.pk], "seen": stood}
    assert browser.post(url, first).status_code == 302
    second = {"email": "anna@example.org", "full_name": "Anna", "comment": "VIP", "seen": stood}
    answer = browser.post(url, second, headers=DIALOG)
    assert answer.status_code == 422
    assert "This was changed in the meantime" in answer.content.decode()
    client.refresh_from_db()
    assert (client.comment, list(client.groups.all())) == ("", [group])
    again = browser.post(url, {**second, "seen": seen(answer)})
    client.refresh_from_db()
    assert (again.status_code, client.comment, list(client.groups.all())) == (302, "VIP", [])


@pytest.mark.parametrize("value", ["x", "<b>", "0" * 64])
def test_a_damaged_digest_saves_nothing_at_first(value, browser, owner):
    client = ClientFactory(owner=owner, email="anna@example.org")
    url = reverse("client_edit", args=[client.pk])
    assert browser.post(url, {"email": "boris@example.org", "seen": value}).status_code == 422
    client.refresh_from_db()
    assert client.email == "anna@example.org"
