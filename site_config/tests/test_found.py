"""A filter that is not valid chooses nobody, in lists and where one statement acts on all that match."""

import pytest
from django.test import RequestFactory
from django.urls import get_resolver, reverse
from django_filters import CharFilter, ChoiceFilter, DateFilter, ModelChoiceFilter

from mailer.models import Attempt, ClientGroup, Mailing
from mailer.views.many import ManyPanel
from site_config.ui.filters import ListFilter
from site_config.ui.lists import TableView
from site_config.ui.panels import OnAllFound, PanelView
from site_config.ui.search import contains
from testing.factories import ClientFactory, MailingFactory

BAD = {
    CharFilter: ["x" * 101, "\x00"],
    ChoiceFilter: ["nonsense", "'; DROP TABLE people_user; --"],
    DateFilter: ["yesterday", "2026-13-01"],
    ModelChoiceFilter: ["999999", "-1", "x", "9" * 40],
}


def views():
    for pattern in get_resolver().url_patterns:
        for inner in getattr(pattern, "url_patterns", [pattern]):
            view = getattr(inner.callback, "view_class", None)
            if view:
                yield inner.name, view


def lists():
    return {name: view for name, view in views() if issubclass(view, TableView)}


def on_all_found():
    """The panels of one statement; exports have tests of their own."""
    return {
        name: view
        for name, view in views()
        if issubclass(view, OnAllFound) and issubclass(view, PanelView) and not issubclass(view, ManyPanel)
    }


def row_by_row():
    return {name: view for name, view in views() if issubclass(view, ManyPanel)}


def bad_values(filterset):
    for name, one in filterset.filters.items():
        kind = next(kind for kind in BAD if isinstance(one, kind))
        yield from ((name, value) for value in BAD[kind])


def request_of(user, **query):
    request = RequestFactory().get("/", query)
    request.user = user
    return request


def test_the_walk_meets_every_list():
    assert {"clients", "groups", "messages", "mailings", "reports", "users", "audit"} <= set(lists())
    assert "clients_bulk" in on_all_found()


@pytest.mark.parametrize("name", lists())
def test_no_list_takes_a_wrong_filter_for_none(name, superuser):
    view = lists()[name]
    model, kind = view.model, view.filterset_class
    assert issubclass(kind, ListFilter)
    everything = model._default_manager.all()
    checked = 0
    more = {"attempt": Attempt()} if name == "attempt_detail" else {}
    for field, value in bad_values(kind({}, queryset=everything, request=request_of(superuser), **more)):
        request = request_of(superuser, **{field: value})
        found = kind(request.GET, queryset=everything, request=request, **more)
        assert found.qs.query.is_empty(), (field, value)
        assert list(found.form.errors) == [field]
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize("name", on_all_found())
def test_nothing_is_done_to_those_whom_a_wrong_filter_did_not_choose(name, owner, client_of):
    ClientFactory.create_batch(3, owner=owner)
    group = ClientGroup.objects.create(owner=owner, name="Everybody")
    view = on_all_found()[name]
    browser, url = client_of(owner), reverse(name)
    kind = view.list_view.filterset_class({}, queryset=None, request=request_of(owner))
    ask = {"kind": "join", "everybody": "1"}
    for field, value in bad_values(kind):
        query = f"{url}?{request_of(owner, **{field: value}).GET.urlencode()}"
        assert browser.post(query, ask).context["number"] == 0, (field, value)
        assert browser.post(query, {**ask, "group": group.pk, "confirmed": "1"}).status_code == 422
        assert group.clients.count() == 0, (field, value)
    assert browser.post(url, ask).context["number"] == 3
    browser.post(url, {**ask, "group": group.pk, "confirmed": "1"})
    assert group.clients.count() == 3


@pytest.mark.parametrize("name", row_by_row())
def test_no_row_is_touched_that_a_wrong_filter_did_not_choose(name, owner, client_of):
    mailing = MailingFactory(message__owner=owner)
    view = row_by_row()[name]
    browser, url = client_of(owner), reverse(name)
    things = {"messages_bulk": [mailing.message], "mailings_bulk": [mailing]}[name]
    filters = view.list_view.filterset_class({}, queryset=None, request=request_of(owner))
    for kind in view.kinds:
        ask = {"kind": kind, "everybody": "1"}
        for field, value in bad_values(filters):
            query = f"{url}?{request_of(owner, **{field: value}).GET.urlencode()}"
            assert browser.post(query, ask).context["rows"] == [], (kind, field, value)
            assert browser.post(query, {**ask, "confirmed": "1"}).context["rows"] == [], (kind, field, value)
        assert browser.post(url, ask).context["rows"] == things


def test_another_owner_s_group_is_no_valid_filter(owner, stranger, client_of):
    ClientFactory.create_batch(3, owner=owner)
    theirs = ClientGroup.objects.create(owner=stranger, name="Theirs")
    mine = ClientGroup.objects.create(owner=owner, name="Mine")
    sent = {"kind": "join", "everybody": "1", "group": mine.pk, "confirmed": "1"}
    client_of(owner).post(f"{reverse('clients_bulk')}?group={theirs.pk}", sent)
    assert mine.clients.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["северный вокзал", "СЕВЕРНЫЙ вокзал", "Северный Вокзал", "ооо", "вокзал»"])
def test_a_search_knows_no_case_in_any_alphabet(text):
    MailingFactory(name="ООО «Северный вокзал»")
    MailingFactory(name="Южный вокзал")
    assert [mailing.name for mailing in Mailing.objects.filter(contains(["name"], text))] == [
        "ООО «Северный вокзал»"
    ]
