"""Groups: create, rename, delete, and who is in one."""

import json
import uuid

import pytest
from django.urls import reverse

from mailer.audience import removal
from mailer.audience.tasks import look_for_removed_groups
from mailer.models import Client, ClientGroup
from site_config.ui import counting
from testing.factories import ClientFactory, ClientGroupFactory, MailingFactory
from testing.pages import DIALOG

HTMX = {"HX-Request": "true"}


@pytest.fixture
def group(owner):
    return ClientGroupFactory(owner=owner, name="Readers")


def test_nobody_is_taken_out_of_a_group_by_rule_by_hand(browser, owner, group):
    client = ClientFactory(owner=owner, full_name="Anna")
    group.clients.add(client)
    ruled = ClientGroupFactory(owner=owner, rule=[{"what": "text", "test": "has", "value": "anna"}])
    pages = {
        one.pk: browser.get(reverse("group_detail", args=[one.pk])).content.decode() for one in (group, ruled)
    }
    assert all("Add to a group" in page for page in pages.values())
    assert "Take out of a group" in pages[group.pk]
    assert "Take out of a group" not in pages[ruled.pk]


def test_an_empty_group_says_how_it_is_filled(browser, owner, group):
    ruled = ClientGroupFactory(owner=owner, rule=[{"what": "text", "test": "has", "value": "nobody"}])
    page = browser.get(reverse("group_detail", args=[ruled.pk])).content.decode()
    assert "The rule finds no clients." in page
    assert page.count(f'href="{reverse("group_rule_edit", args=[ruled.pk])}"') == 2
    page = browser.get(reverse("group_detail", args=[group.pk])).content.decode()
    assert f'href="{reverse("client_create")}?group={group.pk}">New client' in page.partition("empty")[2]


def test_create(browser, owner):
    data = {"name": "  Readers ", "form_key": uuid.uuid4()}
    assert [browser.post(reverse("group_create"), data).status_code for _ in range(2)] == [302, 302]
    answer = browser.post(reverse("group_create"), {"name": "Others"}, headers=DIALOG)
    assert set(json.loads(answer["HX-Trigger"])) == {"groups:changed", "dialog:close", "toasts"}
    assert list(ClientGroup.objects.values_list("owner", "name")) == [
        (owner.pk, "Others"),
        (owner.pk, "Readers"),
    ]


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "This field is required."),
        ("   ", "This field is required."),
        ("READERS", "You already have a group with this name."),
        ("a\nb", "Line breaks and control characters are not allowed here."),
        ("a\x00b", "Null characters are not allowed."),
        ("x" * 101, "Ensure this value has at most 100 characters (it has 101)."),
    ],
)
def test_bad_names(name, says, headers, browser, group, owner):
    other = ClientGroupFactory(owner=owner, name="Other")
    for url in (reverse("group_create"), reverse("group_edit", args=[other.pk])):
        answer = browser.post(url, {"name": name}, headers=headers)
        assert answer.status_code == 422
        assert says in answer.context["form"].errors["name"]
    assert list(ClientGroup.objects.values_list("name", flat=True)) == ["Other", "Readers"]


def test_rename_gives_the_row_back(browser, group, owner):
    group.clients.add(ClientFactory(owner=owner))
    answer = browser.post(reverse("group_edit", args=[group.pk]), {"name": "New"}, headers=DIALOG)
    assert (answer.status_code, answer["HX-Retarget"]) == (200, f"#clientgroup-{group.pk}")
    assert ">New</a>" in answer.content.decode()
    assert 'data-label="Clients">1</td>' in answer.content.decode()


def test_delete_keeps_the_clients(browser, group, owner):
    group.clients.add(ClientFactory(owner=owner))
    MailingFactory(message__owner=owner).groups.add(group)
    url = reverse("group_delete", args=[group.pk])
    page = browser.get(url).content.decode()
    assert "Its clients stay; only the group goes." in page
    assert "1 mailing loses this group of recipients." in page
    assert browser.post(url)["Location"] == "/groups/"
    assert (ClientGroup.objects.count(), Client.objects.count()) == (0, 1)


def test_the_page_of_a_group_shows_its_clients(browser, group, owner):
    inside = ClientFactory(owner=owner, email="in@example.org")
    group.clients.add(inside)
    ClientFactory(owner=owner, email="out@example.org")
    answer = browser.get(reverse("group_detail", args=[group.pk]))
    assert "<h1>Readers</h1>" in answer.content.decode()
    assert [row.record for row in answer.context["table"].page.object_list] == [inside]
    part = browser.get(
        reverse("group_detail", args=[group.pk]) + "?q=nobody",
        headers={**HTMX, "HX-Target": "table-region"},
    )
    assert b"<h1>" not in part.content
    assert b"No clients here." in part.content


def test_remove_takes_one_client_out_and_may_be_repeated(browser, group, owner):
    first, second = ClientFactory.create_batch(2, owner=owner)
    group.clients.set([first, second])
    url = reverse("group_remove", args=[group.pk, first.pk])
    for _ in range(2):
        answer = browser.post(url, headers=HTMX)
        assert answer.status_code == 204
        assert json.loads(answer["HX-Trigger"])["clients:changed"] is True
    assert list(group.clients.all()) == [second]
    answer = browser.post(reverse("group_remove", args=[group.pk, second.pk]))
    assert (answer.status_code, answer["Location"]) == (302, f"/groups/{group.pk}/")
    assert (group.clients.count(), Client.objects.count()) == (0, 2)


def test_remove_needs_both_to_be_one_s_own(browser, group, owner, stranger):
    foreign = ClientFactory(owner=stranger)
    assert browser.post(reverse("group_remove", args=[group.pk, foreign.pk])).status_code == 404


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(counting, "LIMIT", 5)
    monkeypatch.setattr(removal, "BATCH", 2)


def test_a_large_group_is_out_of_sight_at_once(
    small_limit, browser, group, owner, django_capture_on_commit_callbacks
):
    clients = ClientFactory.create_batch(7, owner=owner)
    group.clients.set(clients)
    mailing = MailingFactory(message__owner=owner)
    mailing.groups.add(group)
    assert (
        "takes a few more minutes" in browser.get(reverse("group_delete", args=[group.pk])).content.decode()
    )
    with django_capture_on_commit_callbacks() as later:
        assert browser.post(reverse("group_delete", args=[group.pk])).status_code == 302
    assert ClientGroup.clients.through.objects.count() == 7
    assert browser.get(reverse("group_detail", args=[group.pk])).status_code == 404
    assert not mailing.groups.exists()
    assert not ClientGroup.objects.exists()
    again = ClientGroupFactory(owner=owner, name="Readers")  # its name is free
    for callback in later:
        callback()
    assert not ClientGroup.clients.through.objects.exists()
    assert list(ClientGroup._base_manager.all()) == [again]
    assert Client.objects.count() == 7


def test_a_crash_leaves_the_rest_of_a_large_group_to_the_sweep(small_limit, group, owner):
    group.clients.set(ClientFactory.create_batch(7, owner=owner))
    removal.delete_group(group=group)
    look_for_removed_groups.call_local()
    assert not ClientGroup._base_manager.exists()
    assert removal.remove_groups() == 0
