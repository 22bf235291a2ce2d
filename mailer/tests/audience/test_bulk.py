"""Many clients at once: some, a page, or all that match; done in batches, stopped, resumed and undone."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.audience import bulk, membership, tasks
from mailer.models import BulkAction, Client, ClientGroup, Suppression
from site_config.shutdown import STOPPING
from site_config.ui import counting
from testing.factories import ClientFactory, ClientGroupFactory, DeliveryFactory, MailingFactory
from testing.pages import DIALOG, flat

URL = reverse("clients_bulk")


@pytest.fixture
def group(owner):
    return ClientGroupFactory(owner=owner, name="Readers")


@pytest.fixture
def people(owner):
    return ClientFactory.create_batch(6, owner=owner)


@pytest.fixture
def small(monkeypatch):
    """Batches of two, and more than three are many."""
    monkeypatch.setattr(bulk, "USUAL", 2)
    monkeypatch.setattr(bulk, "IN_ONE", {})
    monkeypatch.setattr(bulk, "AT_ONCE", 3)


def sent(kind, *rows, **more):
    return {"kind": kind, "pk": [row.pk for row in rows], "confirmed": "1", **more}


def test_ticked_rows_join_a_group(browser, stranger, group, people):
    foreign = ClientFactory(owner=stranger)
    asked = browser.post(
        URL, {"kind": "join", "pk": [people[0].pk, foreign.pk, "x", "9" * 40]}, headers=DIALOG
    )
    assert (asked.status_code, asked.context["number"]) == (200, 1)
    assert f'name="pk" value="{people[0].pk}"' in flat(asked)
    answer = browser.post(URL, sent("join", people[0], foreign, group=group.pk), headers=DIALOG)
    assert (answer.status_code, "clients:changed" in answer["HX-Trigger"]) == (204, True)
    assert list(group.clients.all()) == [people[0]]
    assert browser.post(URL, sent("join", people[1], group=group.pk))["Location"] == "/clients/?"
    assert set(group.clients.all()) == set(people[:2])


def test_all_that_match_are_meant_without_their_ids(browser, owner, stranger, group):
    found = ClientFactory.create_batch(30, owner=owner, full_name="Anna")
    group.clients.add(found[0])
    ClientFactory(owner=owner, full_name="Boris")
    ClientFactory(owner=stranger, full_name="Anna")
    Suppression.objects.create(owner=owner, email=found[1].email, reason="bounced")
    url = f"{URL}?q=anna&suppressed=no"
    assert "29 clients are chosen." in flat(browser.post(url, {"kind": "join", "everybody": "1"}))
    browser.post(url, sent("join", everybody="1", group=group.pk))
    assert set(group.clients.all()) == set(found) - {found[1]}
    action = BulkAction.objects.get()
    assert (action.status, action.total, action.done, action.changed) == ("finished", 29, 29, 28)


@pytest.mark.parametrize("value", ["", "0", "x", "foreign"])
def test_a_group_that_is_not_there(value, browser, people, stranger):
    foreign = ClientGroupFactory(owner=stranger)
    answer = browser.post(URL, sent("join", *people, group=foreign.pk if value == "foreign" else value))
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["group"])
    assert not BulkAction.objects.exists()


def test_nobody_chosen_and_no_such_action(browser, people):
    assert "Nobody is chosen." in flat(browser.post(URL, {"kind": "stop"}))
    assert browser.post(URL, sent("stop")).status_code == 422
    assert browser.post(URL, sent("nonsense", *people)).status_code == 404
    assert browser.get(f"{URL}?q=x")["Location"] == "/clients/?q=x"
    assert not BulkAction.objects.exists()


def test_each_change_is_undone_where_it_made_a_difference(browser, owner, group, people):
    group.clients.add(people[0])
    Suppression.objects.create(owner=owner, email=people[0].email, reason="bounced")

    def members():
        return set(group.clients.all())

    def stopped():
        return set(Client.objects.filter(owner=owner).stopped())

    def change(kind, what, after, before, **more):
        browser.post(URL, sent(kind, *people[:2], **more))
        assert what() == after
        action = BulkAction.objects.latest("pk")
        browser.post(reverse("bulk_undo", args=[action.pk]))
        action.refresh_from_db()
        assert (action.status, what()) == ("undone", before)
        browser.post(reverse("bulk_undo", args=[action.pk]))  # again: nothing
        assert what() == before

    change("join", members, set(people[:2]), {people[0]}, group=group.pk)
    change("leave", members, set(), {people[0]}, group=group.pk)
    change("stop", stopped, set(people[:2]), {people[0]})


def test_a_stop_that_was_there_outlives_the_undoing(browser, owner, people):
    browser.post(URL, sent("stop", people[0]))
    Suppression.objects.filter(email=people[0].email).update(reason="complained")
    browser.post(reverse("bulk_undo", args=[BulkAction.objects.get().pk]))
    assert Suppression.objects.get().reason == "complained"


def test_deleted_clients_leave_their_reports(browser, owner, people):
    delivery = DeliveryFactory(attempt__mailing=MailingFactory(message__owner=owner), client=people[0])
    browser.post(URL, sent("delete", *people[:5]))
    delivery.refresh_from_db()
    assert (delivery.client, list(Client.objects.all())) == (None, [people[5]])
    action = BulkAction.objects.get()
    assert not action.may_be_undone
    shown = flat(browser.get(reverse("bulk_detail", args=[action.pk])))
    assert reverse("bulk_undo", args=[action.pk]) not in shown


def begun(owner, group, monkeypatch):
    """A change of many, as the request leaves it: chosen, and nothing done."""
    queued = []
    monkeypatch.setattr(tasks, "run_bulk", queued.append)
    action = bulk.begin(owner=owner, kind="join", clients=Client.objects.all(), group=group)
    assert (action.status, action.total, action.done, group.clients.count()) == ("running", 6, 0, 0)
    return action


@pytest.mark.django_db(transaction=True)
def test_many_are_changed_in_the_background(browser, owner, group, people, small, monkeypatch):
    queued = []
    monkeypatch.setattr(tasks, "run_bulk", queued.append)
    answer = browser.post(URL, sent("join", everybody="1", group=group.pk), headers=DIALOG)
    action = BulkAction.objects.get()
    page = reverse("bulk_detail", args=[action.pk])
    assert (queued, answer["HX-Redirect"]) == ([action.pk], page)
    assert "every 1s" in flat(browser.get(page))
    late = ClientFactory(owner=owner)  # who comes later is not meant
    bulk.run(action.pk)
    bulk.run(action.pk)
    assert set(group.clients.all()) == set(people)
    assert late not in group.clients.all()
    state = flat(browser.get(page, headers={"HX-Request": "true", "HX-Target": "bulk-state"}))
    assert "6 of 6 clients done, 6 of them changed" in state
    assert "every 1s" not in state


def one_batch(action, monkeypatch):
    put_into = membership.put_into

    def last(**how):
        STOPPING.set()
        return put_into(**how)

    monkeypatch.setattr(bulk, "put_into", last)
    bulk.run(action.pk)
    monkeypatch.setattr(bulk, "put_into", put_into)
    STOPPING.clear()


def test_a_change_is_stopped_and_what_is_done_undone(browser, owner, group, people, small, monkeypatch):
    action = begun(owner, group, monkeypatch)
    one_batch(action, monkeypatch)
    browser.post(reverse("bulk_stop", args=[action.pk]))
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.done, group.clients.count()) == ("stopped", 2, 2)
    browser.post(reverse("bulk_undo", args=[action.pk]))
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.done, action.changed, group.clients.count()) == ("undone", 0, 0, 0)


def test_a_worker_that_ends_leaves_the_rest_to_another(owner, group, people, small, monkeypatch):
    action = begun(owner, group, monkeypatch)
    one_batch(action, monkeypatch)
    assert group.clients.count() == 2
    again = []
    monkeypatch.setattr(tasks, "run_bulk", again.append)
    bulk.resume()
    assert again == []
    BulkAction.objects.update(alive_at=timezone.now() - timedelta(minutes=2))
    bulk.resume()
    assert again == [action.pk]
    bulk.run(action.pk)
    assert group.clients.count() == 6


def test_a_group_that_goes_away_ends_it_in_peace(browser, owner, group, people, small, monkeypatch):
    action = begun(owner, group, monkeypatch)
    ClientGroup.objects.all().delete()
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.changed, action.may_be_undone) == ("finished", 0, False)


def test_a_group_of_another_owner_is_refused(owner, stranger, people):
    with pytest.raises(ValueError, match="group"):
        bulk.begin(
            owner=owner, kind="join", clients=Client.objects.all(), group=ClientGroupFactory(owner=stranger)
        )
    with pytest.raises(ValueError, match="group"):
        bulk.begin(owner=owner, kind="join", clients=Client.objects.all())


def test_the_lists_offer_it(browser, owner, group, people):
    group.clients.add(people[0])
    page = flat(browser.get(f"{reverse('clients')}?q=example"))
    assert f'action="{URL}?q=example"' in page
    assert page.count('form="bulk-form"') == 6
    assert f'action="{URL}?group={group.pk}"' in flat(browser.get(reverse("group_detail", args=[group.pk])))
    browser.post(f"{URL}?group={group.pk}", sent("leave", everybody="1", group=group.pk))
    assert not group.clients.exists()
    assert "View, undo" in flat(browser.get(reverse("clients")))


def test_what_is_old_is_forgotten(owner):
    for status, days in (("finished", 31), ("running", 31), ("finished", 1)):
        action = BulkAction.objects.create(owner=owner, kind="stop", status=status)
        BulkAction.objects.filter(pk=action.pk).update(created_at=timezone.now() - timedelta(days=days))
    assert bulk.forget() == 1
    assert set(BulkAction.objects.values_list("status", flat=True)) == {"running", "finished"}


@pytest.mark.django_db(transaction=True)
def test_of_very_many_even_the_choosing_is_left_to_the_background(
    small, browser, owner, stranger, group, people, monkeypatch
):
    monkeypatch.setattr(counting, "LIMIT", 4)
    queued = []
    monkeypatch.setattr(tasks, "run_bulk", queued.append)
    Client.objects.filter(pk=people[0].pk).update(full_name="Boris")
    ClientFactory(owner=stranger)
    answer = browser.post(f"{URL}?q=client", sent("join", everybody="1", group=group.pk))
    action = BulkAction.objects.get()
    assert (answer["Location"], queued) == (f"/clients/bulk/{action.pk}/", [action.pk])
    assert (action.is_choosing, action.batches.exists()) == (True, False)
    assert "being looked up" in browser.get(answer["Location"]).content.decode()
    monkeypatch.undo()
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.total, action.changed, action.rule) == ("finished", 6, 6, None)
    assert group.clients.count() == 6


@pytest.mark.django_db(transaction=True)
def test_what_the_filter_names_may_be_gone_when_it_is_chosen(owner, group, people):
    rule = [{"what": "group", "test": "in", "value": "0"}]
    action = BulkAction.objects.create(owner=owner, kind="stop", rule=rule)
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.total) == ("finished", 0)
    assert not Suppression.objects.exists()
