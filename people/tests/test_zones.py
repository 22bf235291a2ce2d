"""Time zones are found by city and offset, and old names lead to today's."""

import pytest
from django.utils import translation

from people.models import User
from people.zones import ZONES, choices, zone_of
from testing.factories import MailingFactory

FOUND = {
    "Europe/Moscow": "Europe/Moscow",
    " europe/moscow ": "Europe/Moscow",
    "Europe/Kiev": "Europe/Kyiv",
    "Asia/Calcutta": "Asia/Kolkata",
    "calcutta": "Asia/Kolkata",
    "US/Eastern": "America/New_York",
    "America/New York": "America/New_York",
    "new york": "America/New_York",
    "Stockholm": "Europe/Stockholm",
    "Etc/UTC": "UTC",
    "utc": "UTC",
    "": "",
    "Atlantis": "",
    "Europe/": "",
    "../../etc/passwd": "",
}


@pytest.mark.parametrize("typed", FOUND)
def test_what_people_type_is_a_zone(typed):
    assert zone_of(typed) == FOUND[typed]


def test_each_place_stands_once_with_its_city_and_offset(time_machine):
    time_machine.move_to("2026-07-01T00:00Z")
    shown = dict(choices())
    assert set(shown) == set(ZONES)
    assert {"Europe/Kiev", "Asia/Calcutta", "US/Eastern", "Etc/GMT+3"}.isdisjoint(shown)
    assert (shown["Europe/Berlin"], shown["Asia/Kolkata"]) == ("Berlin (UTC+02:00)", "Kolkata (UTC+05:30)")
    with translation.override("ru"):
        assert dict(choices())["Europe/Moscow"] == "Москва (UTC+03:00)"
        assert (zone_of("москва"), zone_of("Нью-Йорк (UTC-04:00)")) == ("Europe/Moscow", "America/New_York")


def test_a_form_takes_a_city_and_refuses_what_is_nowhere(owner, client_of):
    form = {"name": "Olga", "company": "", "time_zone": "Calcutta", "language": "en"}
    browser = client_of(owner)
    assert browser.post("/accounts/profile/", form).status_code == 302
    assert User.objects.get(pk=owner.pk).time_zone == "Asia/Kolkata"
    refused = browser.post("/accounts/profile/", {**form, "time_zone": "Atlantis"})
    assert refused.context["form"].errors["time_zone"] == [
        "Choose a time zone from the list, such as Europe/Moscow."
    ]


def test_a_mailing_offers_zones_beside_what_is_typed(owner, client_of):
    mailing = MailingFactory(owner=owner, message__owner=owner, time_zone="Europe/Kiev")
    html = client_of(owner).get(f"/mailings/{mailing.pk}/edit/").content.decode()
    assert 'list="id_time_zone_zones"' in html
    assert '<datalist id="id_time_zone_zones">' in html
    assert '<option value="Europe/Kyiv">Kyiv (UTC+0' in html
