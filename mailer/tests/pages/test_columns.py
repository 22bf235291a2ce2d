"""Which columns a list shows is each user's own choice."""

import pytest
from django.urls import reverse

from mailer.tables import MailingTable, OversightTable
from testing.factories import AttemptFactory, ClientGroupFactory, MailingFactory

LISTS = ["mailings", "messages", "groups", "reports", "clients"]


@pytest.fixture
def filled(message, anna):
    AttemptFactory(mailing=MailingFactory(message=message))
    ClientGroupFactory(owner=message.owner).clients.add(anna)


def headings(page):
    return [str(column.name) for column in page.context["table"].columns]


def form_url(name):
    return reverse("client_columns" if name == "clients" else f"{name}_columns")


@pytest.mark.parametrize("name", LISTS)
def test_a_column_that_is_hidden_stays_hidden_for_this_user_alone(name, filled, owner, stranger, client_of):
    browser = client_of(owner)
    before = headings(browser.get(reverse(name)))
    form = browser.get(form_url(name)).context["form"]
    choices = [choice for choice, _label in form.fields["columns"].choices]
    assert form.initial["columns"] == choices
    assert choices == [column for column in before if column in choices]
    assert browser.post(form_url(name), {"columns": choices[1:]}).status_code == 302
    assert headings(browser.get(reverse(name))) == [one for one in before if one != choices[0]]
    assert browser.get(form_url(name)).context["form"].initial["columns"] == choices[1:]
    assert headings(client_of(stranger).get(reverse(name))) == before
    assert "table-panel is-chosen" in browser.get(reverse(name)).content.decode()
    fragment = {"HX-Request": "true", "HX-Target": "table-region"}
    assert headings(browser.get(reverse(name), headers=fragment)) == headings(browser.get(reverse(name)))


def test_what_names_a_row_and_acts_on_it_stays(filled, owner, client_of):
    browser = client_of(owner)
    assert browser.post(form_url("mailings"), {}).status_code == 302
    kept = headings(browser.get(reverse("mailings")))
    assert [name for name in kept if name != "select"] == ["name", "actions"]
    assert browser.get(reverse("mailings"), {"sort": "-period"}).status_code == 200


@pytest.mark.parametrize("sent", ["name", "select", "actions", "owner", "' OR 1=1", "x" * 10_000, "\x00"])
def test_what_is_no_column_to_choose_is_refused(sent, filled, owner, client_of):
    browser = client_of(owner)
    assert browser.post(form_url("mailings"), {"columns": [sent]}).status_code == 422
    owner.refresh_from_db()
    assert owner.hidden_columns == {}


def test_managers_choose_among_the_columns_of_theirs(filled, manager, client_of):
    browser = client_of(manager)
    choices = dict(browser.get(form_url("mailings")).context["form"].fields["columns"].choices)
    assert set(choices) == set(OversightTable.choosable())
    assert {"owner", "runs"} <= set(choices)
    assert "owner" not in MailingTable.choosable()
    for name in ("users", "audit"):
        assert browser.post(form_url(name), {"columns": []}).status_code == 302
        assert browser.get(reverse(name)).status_code == 200
