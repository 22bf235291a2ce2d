"""Groups by rule: what a condition finds, rules inside rules, and what is refused."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.audience import audience_of_mailing, measure, recipients, sizes_of
from mailer.audience.rules import BrokenRule, Known, Rule, clients_of, in_words, members_of, rules_with
from mailer.models import Attribute, BulkAction, Client, ClientGroup, Delivery, Mailing, Suppression
from mailer.sending.dispatcher import open_one
from mailer.sending.opening import CannotRun, run_now
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)
from testing.pages import DIALOG


def term(what, test, value):
    return {"what": what, "test": test, "value": str(value)}


def by_rule(owner, *terms, **fields):
    return ClientGroupFactory(owner=owner, rule=list(terms), **fields)


@pytest.fixture
def people(owner):
    """Anna, Boris and Carla, the last two of whom were added a year ago."""
    Attribute.objects.create(owner=owner, key="age", kind="number")
    found = {
        name: ClientFactory(owner=owner, email=f"{name}@example.org", full_name=name.title())
        for name in ("anna", "boris", "carla")
    }
    found["anna"].attributes = {"age": 30}
    found["anna"].save()
    ago = timezone.now() - timedelta(days=365)
    Client.objects.filter(email__in=("boris@example.org", "carla@example.org")).update(created_at=ago)
    return found


@pytest.fixture
def mailing(owner, people):
    """One that Anna got and Boris did not."""
    mailing = MailingFactory(message__owner=owner, name="News")
    attempt = AttemptFactory(mailing=mailing, finished_at=timezone.now())
    for name, status in (("anna", "sent"), ("boris", "failed")):
        DeliveryFactory(
            attempt=attempt, client=people[name], status=status,
            finished_at=timezone.now() - timedelta(days=3),
        )  # fmt: skip
    return mailing


@pytest.fixture
def picked(owner, people):
    group = ClientGroupFactory(owner=owner, name="Picked")
    group.clients.set([people["anna"], people["boris"]])
    return group


def names(rows):
    return sorted(rows.values_list("email", flat=True))


def initials(group):
    return "".join(email[0] for email in names(clients_of(group, known=Known(group.owner))))


@pytest.mark.parametrize(
    ("what", "test", "value", "finds"),
    [
        ("attribute:age", "", "30", "a"),
        ("attribute:age", "to", "29", ""),
        ("attribute:age", "unset", "", "bc"),
        ("attribute:age", "", "", "a"),
        ("text", "has", "BORIS", "b"),
        ("group", "in", "{picked}", "ab"),
        ("group", "not", "{picked}", "c"),
        ("joined", "from", "{month_ago}", "a"),
        ("joined", "before", "{month_ago}", "bc"),
        ("recent", "within", "30", "a"),
        ("recent", "not", "30", "bc"),
        ("mailing", "got", "{mailing}", "a"),
        ("mailing", "not", "{mailing}", "bc"),
        ("mailed", "within", "7", "a"),
        ("mailed", "within", "2", ""),
        ("mailed", "not", "2", "abc"),
        ("stop", "is", "no", "ac"),
        ("stop", "is", "yes", "b"),
        ("stop", "is", "complained", "b"),
        ("stop", "is", "bounced", ""),
    ],
)
def test_a_condition(owner, stranger, people, mailing, picked, what, test, value, finds):
    Suppression.objects.create(owner=owner, email="BORIS@example.org", reason="complained")
    Suppression.objects.create(owner=stranger, email="anna@example.org", reason="added")
    ClientFactory(owner=stranger, email="zoe@example.org", attributes={"age": 30})
    month_ago = timezone.localdate() - timedelta(days=30)
    value = value.format(picked=picked.pk, mailing=mailing.pk, month_ago=month_ago)
    group = by_rule(owner, term(what, test, value))
    assert initials(group) == finds
    assert all(in_words(group)[0])
    other = MailingFactory(message__owner=owner)
    other.groups.add(group)
    assert "".join(email[0] for email in names(recipients(other))) == finds
    assert audience_of_mailing(other).total == len(finds)


def test_all_conditions_hold(owner, people, picked):
    group = by_rule(owner, term("group", "in", picked.pk), term("attribute:age", "unset", ""))
    assert initials(group) == "b"


def test_one_condition_is_enough_if_the_rule_says_so(owner, stranger, people, picked, mailing):
    ClientFactory(owner=stranger, email="zoe@example.org", attributes={"age": 30})
    adults, inner = term("attribute:age", "from", 18), by_rule(owner, term("text", "has", "boris"))
    any_of = {"any": [adults, term("group", "in", inner.pk), term("text", "has", "nobody")]}
    group = ClientGroupFactory(owner=owner, rule=any_of, name="One of three")
    assert rules_with(owner.pk, f"group:{inner.pk}") == ["One of three"]
    assert initials(group) == "ab"
    assert in_words(group) == ([*in_words(by_rule(owner, *any_of["any"]))[0]], True)
    assert initials(by_rule(owner, term("group", "not", group.pk))) == "c"
    assert initials(ClientGroupFactory(owner=owner, rule={"any": [adults]})) == "a"
    other = MailingFactory(message__owner=owner)
    other.groups.add(group)
    assert names(run_now(mailing=other, after=None).deliveries) == ["anna@example.org", "boris@example.org"]


def test_who_matches_when_it_runs_is_mailed(owner, people, picked):
    mailing = MailingFactory(message__owner=owner)
    mailing.groups.add(by_rule(owner, term("attribute:age", "from", 18)), picked)
    mailing.excluded.add(by_rule(owner, term("text", "has", "boris")))
    people["carla"].attributes = {"age": 18}
    people["carla"].save()
    assert measure(owner=owner, clients=[], groups=[picked.pk]).total == 2
    assert audience_of_mailing(mailing).total == 2
    attempt = run_now(mailing=mailing, after=None)
    assert names(attempt.deliveries) == ["anna@example.org", "carla@example.org"]


def test_a_rule_inside_a_rule(owner, people, picked):
    inner = by_rule(owner, term("text", "has", "example"), term("group", "in", picked.pk))
    assert initials(by_rule(owner, term("group", "in", inner.pk))) == "ab"
    assert initials(by_rule(owner, term("group", "not", inner.pk))) == "c"


def test_a_rule_never_needs_itself(owner, people):
    first = by_rule(owner, term("text", "has", "a"), name="First")
    second = by_rule(owner, term("group", "in", first.pk), name="Second")
    ClientGroup.objects.filter(pk=first.pk).update(rule=[term("group", "not", second.pk)])
    first.refresh_from_db()
    with pytest.raises(BrokenRule, match="contain itself"):
        clients_of(first, known=Known(owner))
    with pytest.raises(BrokenRule, match="contain itself"):
        in_words(first)
    deep = ClientGroupFactory(owner=owner)
    for _ in range(7):
        deep = by_rule(owner, term("group", "in", deep.pk))
    with pytest.raises(BrokenRule, match="Too many"):
        clients_of(deep, known=Known(owner))


@pytest.mark.parametrize(
    "rule",
    [
        {}, {"any": []}, {"any": "text"}, {"any": [term("text", "has", "a")], "all": []},
        [], "text", 7, [7], [{}], [{"what": "text", "test": "has"}],
        [term("text", "has", "a") | {"owner": 1}],
        [term("text", "is", "a")], [term("text", "has", "")],
        [term("text", "has", "a" * 201)], [term("nonsense", "has", "a")], [term("attribute:city", "", "x")],
        [term("attribute:age", "", "old")], [term("attribute:age", "has", "3")],
        [term("attribute:age", "sql", "3")], [term("group", "in", 10**9)], [term("group", "in", "1 OR 1")],
        [term("group", "in", "９")], [term("group", "in", 10**30)], [term("mailing", "got", 10**9)],
        [term("joined", "from", "soon")], [term("recent", "within", 0)], [term("recent", "within", -1)],
        [term("mailed", "not", 10**6)], [term("stop", "is", "maybe")], [term("text", "has", "a")] * 21,
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_finds_nobody(owner, people, rule):
    group = ClientGroupFactory(owner=owner, rule=rule)
    with pytest.raises(BrokenRule):
        clients_of(group, known=Known(owner))
    assert not members_of(group).exists()


@pytest.mark.parametrize("what", ["group", "mailing", "attribute"])
def test_nothing_of_another_owner_can_be_referred_to(owner, stranger, people, what):
    Attribute.objects.create(owner=stranger, key="city", kind="text")
    foreign = {
        "group": term("group", "in", ClientGroupFactory(owner=stranger).pk),
        "mailing": term("mailing", "got", MailingFactory(message__owner=stranger).pk),
        "attribute": term("attribute:city", "", "Tver"),
    }[what]
    with pytest.raises(BrokenRule):
        Rule.load([foreign], known=Known(owner))


def test_a_mailing_whose_rule_is_broken_waits_and_says_why(owner, browser, people, picked):
    owner.language = "ru"
    owner.save()
    group = by_rule(owner, term("group", "in", picked.pk), name="Buyers")
    page = browser.get(reverse("group_delete", args=[picked.pk])).content.decode()
    assert "“Buyers”" in page or "Buyers" in page
    mailing = MailingFactory(message__owner=owner, next_run_at=timezone.now())
    mailing.groups.add(group)
    picked.delete()
    assert audience_of_mailing(mailing).problem
    assert sizes_of([mailing.pk]) == {}
    with pytest.raises(CannotRun, match="Buyers"):
        run_now(mailing=mailing, after=None)
    open_one(mailing.pk)
    mailing.refresh_from_db()
    assert mailing.opening_problem.startswith("“Buyers”: ")
    assert mailing.opening_retry_at > timezone.now()
    assert not Delivery.objects.exists()
    assert "Buyers" in browser.get(reverse("mailing_detail", args=[mailing.pk])).content.decode()
    data = {"name": "Buyers", "term-0-what": "text", "term-0-test": "has", "term-0-value": "anna"}
    assert browser.post(reverse("group_rule_edit", args=[group.pk]), data).status_code == 302
    mailing.refresh_from_db()
    assert mailing.opening_retry_at is None
    open_one(mailing.pk)
    assert names(Delivery.objects) == ["anna@example.org"]


def filled(*terms, **fields):
    rows = {f"term-{place}-{name}": value for place, one in enumerate(terms) for name, value in one.items()}
    return {"name": "Adults", **rows, **fields}


def test_create_edit_and_look(owner, browser, people):
    page = browser.get(reverse("group_rule_create"))
    assert page.context["number"] is None
    adults = term("attribute:age", "from", 18)
    look = browser.post(reverse("group_rule_create"), filled(adults, look="1"))
    assert (look.status_code, look.context["number"], look.context["first"]) == (200, 1, [people["anna"]])
    assert len(look.context["form"].terms.forms) == 2  # one more to fill in
    part = browser.post(
        reverse("group_rule_create"), filled(adults, look="1"), headers={**DIALOG, "HX-Target": "rule"}
    )
    assert part.content.decode().strip().startswith("<fieldset")
    assert not ClientGroup.objects.exists()
    assert browser.post(reverse("group_rule_create"), filled(adults)).status_code == 302
    group = ClientGroup.objects.get()
    assert (group.owner, group.rule) == (owner, [adults])
    other = term("stop", "is", "no")
    url = reverse("group_rule_edit", args=[group.pk])
    assert browser.get(url).context["number"] == 1
    assert browser.post(url, filled(term("", "", ""), other, name="All")).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.rule) == ("All", [other])
    detail = browser.get(reverse("group_detail", args=[group.pk]))
    assert len(detail.context["table"].page.object_list) == 3
    assert b"Can be mailed" in detail.content
    exported = browser.get(reverse("group_export", args=[group.pk]))
    assert len(b"".join(exported.streaming_content).splitlines()) == 4
    assert "by rule" in browser.get(reverse("groups")).content.decode()


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize(
    "data",
    [
        {"name": "No condition"},
        filled(term("attribute:age", "from", "")),
        filled(term("attribute:age", "from", "<b>")),
        filled(term("group", "in", "1\r\nBcc: x")),
        filled(term("text", "has", "x" * 300)),
        filled(term("text", "has", "a\x00b")),
        filled(term("text", "has", "a"), name=""),
        filled(term("text", "has", "a"), name="a\r\nb"),
        filled(term("sql", "has", "a")),
        filled(*[term("text", "has", "a")] * 21),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(owner, browser, people, data, headers):
    answer = browser.post(reverse("group_rule_create"), data, headers=headers)
    assert answer.status_code == 422
    assert not ClientGroup.objects.exists()


def test_a_group_cannot_be_made_to_need_itself(owner, browser, people):
    first = by_rule(owner, term("text", "has", "a"))
    second = by_rule(owner, term("group", "in", first.pk))
    url = reverse("group_rule_edit", args=[first.pk])
    for needed in (first, second):
        assert browser.post(url, filled(term("group", "in", needed.pk))).status_code == 422
    first.refresh_from_db()
    assert first.rule == [term("text", "has", "a")]


def test_a_picked_group_has_no_rule_to_edit(browser, picked):
    assert browser.get(reverse("group_rule_edit", args=[picked.pk])).status_code == 404


def test_an_edit_in_two_windows_is_not_lost(owner, browser, people):
    group = by_rule(owner, term("text", "has", "a"), name="Adults")
    url = reverse("group_rule_edit", args=[group.pk])
    seen = browser.get(url).context["form"]["seen"].value()
    assert browser.post(url, filled(term("text", "has", "b"), seen=seen)).status_code == 302
    assert browser.post(url, filled(term("text", "has", "c"), seen=seen)).status_code == 422


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("q=anna&suppressed=no", [term("text", "has", "anna"), term("stop", "is", "no")]),
        ("added_from=2026-01-31", [term("joined", "from", "2026-01-31")]),
        ("attribute=age&test=from&value=18", [term("attribute:age", "from", "18")]),
        ("attribute=age&test=from&value=x", []),
        ("", []),
    ],
)
def test_a_filter_is_saved_as_a_group(browser, people, query, rule):
    page = browser.get(f"{reverse('group_rule_create')}?{query}")
    assert page.context["form"].terms.initial == rule
    if rule:
        assert "Save this filter as a group" in browser.get(f"{reverse('clients')}?{query}").content.decode()


def test_all_or_any_is_chosen_and_shown(owner, browser, people):
    conditions = [term("attribute:age", "from", "18"), term("text", "has", "boris")]
    look = browser.post(reverse("group_rule_create"), filled(*conditions, match="any", look="1"))
    assert look.context["number"] == 2
    assert browser.post(reverse("group_rule_create"), filled(*conditions, match="any")).status_code == 302
    group = ClientGroup.objects.get()
    assert group.rule == {"any": conditions}
    url = reverse("group_rule_edit", args=[group.pk])
    page = browser.get(url)
    assert (page.context["number"], page.context["form"]["match"].value()) == (2, "any")
    assert "any of this is true" in browser.get(reverse("group_detail", args=[group.pk])).content.decode()
    listed = browser.get(f"{reverse('clients')}?group={group.pk}").context["table"].page.object_list
    assert {row.record.email for row in listed} == {"anna@example.org", "boris@example.org"}
    assert browser.post(url, filled(*conditions, match="some")).status_code == 422
    assert browser.post(url, filled(*conditions)).status_code == 302
    group.refresh_from_db()
    assert group.rule == conditions
    assert "all of this is true" in browser.get(reverse("group_detail", args=[group.pk])).content.decode()


def test_a_filter_saved_as_it_is_offered_keeps_all_its_conditions(owner, browser, people):
    rule = [term("text", "has", "anna"), term("stop", "is", "no")]
    url = f"{reverse('group_rule_create')}?q=anna&suppressed=no"
    assert browser.post(url, filled(*rule)).status_code == 302
    group = ClientGroup.objects.get()
    assert group.rule == rule
    assert browser.post(reverse("group_rule_edit", args=[group.pk]), filled(*rule)).status_code == 302
    group.refresh_from_db()
    assert group.rule == rule


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("added_from={month_ago}", "a"),
        ("added_before={month_ago}", "bc"),
        ("mailing={mailing}", "a"),
        ("mailing={mailing}&mailed=not", "bc"),
        ("mailed=not", ""),
        ("mailing=0", ""),
        ("added_from=nonsense", ""),
        ("group={ruled}", "a"),
        ("group={broken}", ""),
    ],
)
def test_the_list_is_filtered(owner, browser, people, mailing, query, finds):
    query = query.format(
        month_ago=timezone.localdate() - timedelta(days=30), mailing=mailing.pk,
        ruled=by_rule(owner, term("attribute:age", "", 30)).pk,
        broken=by_rule(owner, term("group", "in", 0)).pk,
    )  # fmt: skip
    rows = browser.get(f"{reverse('clients')}?{query}").context["table"].page.object_list
    assert "".join(sorted(row.record.email[0] for row in rows)) == finds


def test_nobody_is_put_into_a_group_by_rule(owner, browser, people, tmp_path):
    group = by_rule(owner, term("text", "has", "a"), name="Ruled")
    bulk = {"kind": "join", "group": group.pk, "pk": people["anna"].pk, "confirmed": 1}
    assert browser.post(reverse("clients_bulk"), bulk).status_code == 422
    client = {"email": "new@example.org", "groups": [group.pk]}
    assert browser.post(reverse("client_create"), client).status_code == 422
    assert not BulkAction.objects.exists()
    assert not group.clients.exists()


def test_a_mailing_to_a_rule_that_finds_nobody_yet_is_saved(owner, browser, people):
    group = by_rule(owner, term("attribute:age", "from", 99))
    start = timezone.now() + timedelta(days=1)
    data = {
        "message": MessageFactory(owner=owner).pk, "groups": [group.pk], "period": "once",
        "starts_at": f"{start:%Y-%m-%dT%H:%M}", "time_zone": "UTC",
    }  # fmt: skip
    assert browser.post(reverse("mailing_create"), data).status_code == 302
    ClientGroup.objects.filter(pk=group.pk).update(rule=[term("group", "in", 0)])
    answer = browser.post(reverse("mailing_create"), data)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["groups"])
    assert Mailing.objects.count() == 1
