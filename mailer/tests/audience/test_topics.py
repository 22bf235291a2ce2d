"""Groups that clients leave and join themselves, by the link in their mail."""

import io

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailer.audience.importing import import_clients
from mailer.audience.membership import put_into
from mailer.composing.unsubscribe_links import token_for
from mailer.models import Client, ClientGroup, OptOut
from testing.factories import ClientFactory, ClientGroupFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(owner) -> Client:
    return ClientFactory(owner=owner, email="anna@example.org")


@pytest.fixture
def tips(owner, anna) -> ClientGroup:
    group = ClientGroupFactory(
        owner=owner, name="tips-internal", is_topic=True, topic_name="Tips <b>", topic_text="Each week"
    )
    group.clients.add(anna)
    return group


@pytest.fixture
def url(owner, anna) -> str:
    return reverse("unsubscribe", args=[token_for(owner_id=owner.pk, email=anna.email)])


def choose(url, *topics):
    return Browser().post(url, {"do": "topics", "topic": topics})


def test_the_page_shows_topics_by_the_names_made_for_recipients(url, tips, owner, stranger):
    ClientGroupFactory(owner=owner, name="Private")
    ClientGroupFactory(owner=stranger, name="F", is_topic=True, topic_name="Foreign")
    shown = Browser().get(url).content.decode()
    assert "Tips &lt;b&gt;" in shown
    assert "Each week" in shown
    for text in ("tips-internal", "Private", "Foreign"):
        assert text not in shown


def test_a_topic_is_left_and_joined(url, tips, anna):
    for _again in range(2):
        assert choose(url).status_code == 302
    assert (tips.clients.count(), OptOut.objects.get().group) == (0, tips)
    for _again in range(2):
        choose(url, tips.pk)
    assert (list(tips.clients.all()), OptOut.objects.count()) == ([anna], 0)


def test_what_one_was_never_in_is_not_left(url, tips, owner):
    other = ClientGroupFactory(owner=owner, is_topic=True, topic_name="Other")
    choose(url, tips.pk)
    assert (other.clients.count(), OptOut.objects.count()) == (0, 0)


@pytest.mark.parametrize("made_up", ["x", "-1", "9" * 30, "1; DROP", ""])
def test_what_is_no_topic_of_this_sender_is_not_joined(url, tips, owner, stranger, anna, made_up):
    private = ClientGroupFactory(owner=owner, name="Private")
    foreign = ClientGroupFactory(owner=stranger, is_topic=True, topic_name="Foreign")
    choose(url, private.pk, foreign.pk, tips.pk, made_up)
    assert list(anna.groups.all()) == [tips]


def test_who_left_a_topic_is_not_put_back_by_an_import_or_in_bulk(url, tips, owner):
    choose(url)
    import_clients(io.BytesIO(b"email\nANNA@example.org\nboris@example.org\n"), owner=owner, group=tips.name)
    assert list(tips.clients.values_list("email", flat=True)) == ["boris@example.org"]
    assert put_into(group=tips, clients=Client.objects.owned_by(owner)) == []


def test_an_owner_makes_a_group_a_topic(tips, owner, browser):
    group = ClientGroupFactory(owner=owner, name="News")
    edit = f"/groups/{group.pk}/edit/"
    answer = browser.post(edit, {"name": "News", "is_topic": "on"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["topic_name"])
    answer = browser.post(edit, {"name": "News", "is_topic": "on", "topic_name": "a\r\nb"})
    assert answer.status_code == 422
    browser.post(edit, {"name": "News", "is_topic": "on", "topic_name": "Our news"})
    group.refresh_from_db()
    assert (group.is_topic, group.topic_name) == (True, "Our news")
    assert "as “Our news”" in browser.get(f"/groups/{group.pk}/").content.decode()


def test_a_group_by_rule_is_no_topic(owner, browser):
    group = ClientGroupFactory(owner=owner, name="Rule", rule=[])
    browser.post(f"/groups/{group.pk}/edit/", {"name": "Rule", "is_topic": "on", "topic_name": "x"})
    group.refresh_from_db()
    assert not group.is_topic


def test_an_owner_does_not_put_back_who_left(url, tips, anna, browser):
    choose(url)
    edit = f"/clients/{anna.pk}/edit/"
    answer = browser.post(edit, {"email": "ANNA@example.org", "groups": tips.pk})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["groups"])
    assert browser.post(edit, {"email": "anna@example.org"}).status_code == 302
