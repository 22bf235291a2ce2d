"""The palette finds what is one's own, by name."""

import pytest
from django.urls import reverse

from mailer.reporting.finding import find
from testing.factories import ClientFactory, ClientGroupFactory, MailingFactory, MessageFactory

FIND = reverse("find")


@pytest.fixture
def springs(owner):
    message = MessageFactory(owner=owner, subject="Spring prices")
    return [
        MailingFactory(message=message, name="In spring"),
        message,
        ClientFactory(owner=owner, email="anna@example.org", full_name="Anna Springer"),
        ClientGroupFactory(owner=owner, name="Springtime"),
    ]


def links(page):
    return [one.url for one in page.context["found"]]


def test_each_kind_is_found_by_its_name_whatever_the_case(springs, owner, client_of):
    mailing, message, client, group = springs
    found = client_of(owner).get(FIND, {"q": "SPRING"})
    assert links(found) == [
        reverse("mailing_detail", args=[mailing.pk]),
        message.get_absolute_url(),
        reverse("client_detail", args=[client.pk]),
        reverse("group_detail", args=[group.pk]),
    ]
    assert [link for link in links(found) if client_of(owner).get(link).status_code != 200] == []
    assert links(client_of(owner).get(FIND, {"q": "anna@"})) == [reverse("client_detail", args=[client.pk])]


def test_nobody_finds_what_is_another_s(springs, stranger, manager, superuser, client_of):
    assert links(client_of(stranger).get(FIND, {"q": "spring"})) == []
    watched = links(client_of(manager).get(FIND, {"q": "spring"}))
    assert watched == [reverse("mailing_detail", args=[springs[0].pk])]
    assert links(client_of(superuser).get(FIND, {"q": "spring"})) == watched


@pytest.mark.parametrize("text", ["", "   ", "\x00", "%", "_", "' OR 1=1 --", "\ud83d\ude00", "я" * 5_000])
def test_odd_texts_find_nothing_and_break_nothing(text, springs, owner, client_of):
    page = client_of(owner).get(FIND, {"q": text.encode("utf-8", "surrogatepass")})
    assert (page.status_code, links(page)) == (200, [])


def test_names_are_text(owner, client_of):
    ClientGroupFactory(owner=owner, name="<b>Bold</b>")
    page = client_of(owner).get(FIND, {"q": "bold"}).content.decode()
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page


def test_as_many_statements_however_many_there_are(owner, django_assert_num_queries):
    for _ in range(2):
        for number in range(12):
            ClientGroupFactory(owner=owner, name=f"Spring {number} {_}")
            MailingFactory(message=MessageFactory(owner=owner, subject=f"Spring {number}"))
        owner = type(owner).objects.get(pk=owner.pk)
        owner.only_watches  # noqa: B018 (its permissions are looked up once for each request)
        with django_assert_num_queries(4):
            assert len(find(user=owner, text="spring")) == 15
