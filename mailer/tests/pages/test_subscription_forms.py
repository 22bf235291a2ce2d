"""An owner makes, edits and deletes sign-up forms."""

import pytest

from mailer.models import Attribute, SubscriptionForm
from testing.factories import ClientGroupFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "sites",
    [
        "https://*.example",
        "javascript:alert(1)",
        "https://a.example/path",
        "https://a.example; script-src *",
        "https://a.example\r\nX-Evil: 1",
        "'self'",
        "https://user@a.example",
        "https://a.example:99999",
        "https://пример.рф",
        " ".join(["https://a.example"] * 11),
    ],
)
def test_a_site_that_is_none_is_refused(owner, browser, sites):
    answer = browser.post("/clients/forms/new/", {**NEW, "sites": sites})
    assert (answer.status_code, "sites" in answer.context["form"].errors) == (422, True)


NEW = {"name": "Site", "title": "News", "language": "ru", "data_wording": "Data", "ads_wording": "Ads"}


def test_an_owner_makes_edits_and_deletes_a_form(owner, browser):
    group = ClientGroupFactory(owner=owner)
    for _again in range(2):
        answer = browser.post("/clients/forms/new/", {**NEW, "groups": group.pk, "form_key": "0" * 31 + "1"})
        assert answer.status_code == 302
    row = SubscriptionForm.objects.get()
    assert (row.language, row.wording_version, list(row.groups.all())) == ("ru", 1, [group])
    browser.post(f"/clients/forms/{row.pk}/edit/", {**NEW, "title": "Other"})
    browser.post(f"/clients/forms/{row.pk}/edit/", {**NEW, "data_wording": "Other"})
    row.refresh_from_db()
    assert (row.title, row.wording_version, row.is_open) == ("News", 2, False)
    shown = browser.get(f"/clients/forms/{row.pk}/").content.decode()
    assert f"/join/{row.slug}/" in shown
    assert browser.post(f"/clients/forms/{row.pk}/delete/").status_code == 302
    assert not SubscriptionForm.objects.exists()


def test_a_form_offers_and_takes_nothing_of_another_owner(owner, stranger, browser):
    group = ClientGroupFactory(owner=stranger, is_topic=True, topic_name="T")
    attribute = Attribute.objects.create(owner=stranger, key="city", kind="text")
    for name, pk in (("groups", group.pk), ("topics", group.pk), ("attributes", attribute.pk)):
        answer = browser.post("/clients/forms/new/", {**NEW, name: pk})
        assert (answer.status_code, name in answer.context["form"].errors) == (422, True)
    ruled = ClientGroupFactory(owner=owner, rule=[])
    assert browser.post("/clients/forms/new/", {**NEW, "groups": ruled.pk}).status_code == 422


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_takes_as_many_queries_for_many_forms(owner, browser, number, django_assert_max_num_queries):
    for n in range(number):
        SubscriptionForm.objects.create(owner=owner, name=f"{n}", title="x", language="en")
    browser.get("/clients/forms/")
    with django_assert_max_num_queries(7):
        browser.get("/clients/forms/")
