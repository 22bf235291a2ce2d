"""Mailings: the form with its choice of recipients, in the dialog and without JavaScript."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.models import Attempt, Mailing, Suppression
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)
from testing.pages import DIALOG, flat, recipients

pytestmark = pytest.mark.django_db

NEW = "/mailings/new/"
NO_ZONE = "Choose a time zone from the list, such as Europe/Moscow."
INVALID, NOT_ONE = "Select a valid choice.", "is not one of the available choices."
TOO_LONG_AGO = "The start is more than twenty years ago. Choose a later one."
TOO_FAR = "The end is more than twenty years away. Choose an earlier one."
GONE = "One of these is not yours or no longer exists. Reload the page."


@pytest.fixture
def form(message, anna):
    """What a browser would send; the user's zone is Europe/Moscow."""
    return {
        "message": message.pk,
        "clients": [anna.pk],
        "groups": [],
        "period": "daily",
        "starts_at": "2030-05-01T09:00",
        "ends_at": "2030-06-01T09:00",
        "time_zone": "Europe/Berlin",
        "form_key": str(uuid.uuid4()),
    }


def beside(answer, field):
    return list(answer.context["form"].errors.get(field, []))


def test_create_without_javascript(browser, owner, form, anna, message):
    answer = browser.post(NEW, form)
    mailing = Mailing.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/mailings/{mailing.pk}/")
    assert (mailing.owner, mailing.message, mailing.period) == (owner, message, "daily")
    assert list(mailing.clients.all()) == [anna]
    assert mailing.starts_at == datetime(2030, 5, 1, 6, tzinfo=UTC)  # 09:00 in Moscow
    assert mailing.next_run_at == mailing.starts_at
    assert (mailing.time_zone, mailing.state) == ("Europe/Berlin", "created")


def test_create_in_the_dialog_reloads_the_list(browser, form):
    answer = browser.post(NEW, form, headers=DIALOG)
    assert answer.status_code == 204
    assert set(json.loads(answer["HX-Trigger"])) == {"mailings:changed", "dialog:close", "toasts"}


def test_the_same_form_sent_twice_makes_one_mailing(browser, form):
    locations = {browser.post(NEW, form)["Location"] for _ in range(2)}
    assert locations == {f"/mailings/{Mailing.objects.get().pk}/"}


def starting_now(form):
    now = timezone.localtime(timezone=timezone.get_fixed_timezone(180))
    end = now + timedelta(days=2)
    return {**form, "starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{end:%Y-%m-%dT%H:%M}"}


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_what_goes_out_at_once_is_looked_at_first(headers, browser, form, message):
    answer = browser.post(NEW, starting_now(form), headers=headers)
    html = flat(answer)
    assert (answer.status_code, Mailing.objects.count()) == (200, 0)
    assert "<dt>Recipients</dt><dd><strong>1</strong></dd>" in html
    assert f'<dt>Subject</dt><dd class="break">{message.subject}</dd>' in html
    assert 'name="confirmed" value="1">Send now to 1 person</button>' in html
    assert f'<input type="hidden" name="form_key" value="{form["form_key"]}">' in html


def test_the_last_look_shows_the_mail_as_a_sample_recipient_gets_it(browser, form, message):
    message.subject = "Hello {{ first_name }}"
    message.save()
    html = flat(browser.post(NEW, starting_now(form), headers=DIALOG))
    assert '<dd class="break">Hello Anna</dd>' in html
    assert "Hello {{" not in html
    frame = reverse("message_preview_html", args=[message.pk])
    assert f'src="{frame}"' in html
    assert f'<a href="{frame}?pictures=1" target="mail-frame">Show them</a>' in html


def test_a_message_that_cannot_be_read_has_no_preview_and_says_so(browser, form, message):
    message.subject = "Hello {{ first_name"
    message.save()
    html = flat(browser.post(NEW, starting_now(form), headers=DIALOG))
    assert "It cannot be sent:" in html
    assert "mail-frame" not in html


@pytest.mark.parametrize(
    ("others", "sentence", "link"),
    [
        ({}, "You have no messages yet.", "/messages/new/"),
        ({"body": ""}, "You have only drafts.", "/messages/{}/edit/"),
        ({"archived_at": datetime(2026, 1, 1, tzinfo=UTC)}, "are in the archive.", "/messages/?archived=yes"),
    ],
)
def test_who_has_nothing_to_send_is_told_what_is_there(others, sentence, link, owner, browser):
    message = MessageFactory(owner=owner, **others) if others else None
    html = flat(browser.get(NEW))
    assert sentence in html
    assert f'<a href="{link.format(message and message.pk)}">' in html


def test_the_drafts_of_others_are_not_mentioned(stranger, browser):
    MessageFactory(owner=stranger, body="")
    assert "You have no messages yet." in flat(browser.get(NEW))


def test_start_now_is_the_moment_of_the_click_in_the_zone_of_the_field(browser):
    html = flat(browser.get(NEW))
    assert 'data-now-into="id_starts_at" data-zone="Europe/Moscow"' in html


def test_an_older_count_never_replaces_a_newer_one(browser):
    html = flat(browser.get(NEW))
    assert html.count('hx-target="#audience"') == html.count('#schedule:replace"') + 1
    assert 'hx-sync="this:replace" hx-include="closest form" id="schedule"' in html


def test_from_the_last_look_one_can_go_back_to_the_form(browser, form):
    answer = browser.post(NEW, {**starting_now(form), "search": "1"})
    assert (answer.status_code, Mailing.objects.count()) == (422, 0)
    assert answer.context["form"]["message"].value() == str(form["message"])


@pytest.mark.django_db(transaction=True)
def test_a_mailing_that_starts_now_is_sent_once_it_is_confirmed(browser, form, smtp):
    browser.post(NEW, {**starting_now(form), "confirmed": "1"})
    assert smtp.recipients == ["anna@example.org"]
    assert Attempt.objects.get().status == "succeeded"


@pytest.mark.parametrize(
    ("changed", "sentence", "button"),
    [
        (
            {"period": "daily"},
            "Every day at 08:00 (Europe/Berlin). Until 1 Jun 2030, 08:00. Next run: 1 May 2030, 08:00.",
            "Schedule for 1 May 2030, 08:00",
        ),
        (
            {"period": "weekly"},
            "Every week on Wednesday at 08:00 (Europe/Berlin). Until 1 Jun 2030, 08:00. "
            "Next run: 1 May 2030, 08:00.",
            "Schedule for 1 May 2030, 08:00",
        ),
        (
            {"period": "monthly", "starts_at": "2030-05-31T01:30", "ends_at": "2030-08-01T00:00"},
            "Every month on day 31 at 00:30 (Europe/Berlin). Until 31 Jul 2030, 23:00. "
            "Next run: 31 May 2030, 00:30.",
            "Schedule for 31 May 2030, 00:30",
        ),
        (
            {"period": "once"},
            "Once, on 1 May 2030, 08:00 (Europe/Berlin).",
            "Schedule for 1 May 2030, 08:00",
        ),
        (
            {"period": "daily", "ends_at": ""},
            "Every day at 08:00 (Europe/Berlin). Next run: 1 May 2030, 08:00.",
            "Schedule for 1 May 2030, 08:00",
        ),
        ({"starts_at": "2030-07-01T09:00"}, "Choose a start that comes before the end.", "Save"),
        ({"starts_at": "0001-01-01T00:00"}, "Choose a start that comes before the end.", "Save"),
        ({"time_zone": "Moon/Base"}, "Choose a start that comes before the end.", "Save"),
        ({"period": "hourly"}, "Choose a start that comes before the end.", "Save"),
    ],
)
def test_the_form_says_what_it_will_do(changed, sentence, button, browser, form):
    html = flat(recipients(browser, "audience", **{**form, **changed}))
    assert f'<p class="note" id="plan" role="status" hx-swap-oob="true"><span>{sentence}</span></p>' in html
    assert f'type="submit" hx-swap-oob="true">{button}</button>' in html


def test_without_an_end_it_goes_on_until_its_owner_stops_it(browser, form):
    browser.post(NEW, {**form, "ends_at": ""})
    mailing = Mailing.objects.get()
    assert (mailing.ends_at, mailing.next_run_at) == (None, mailing.starts_at)
    assert "from 1 May 2030, 08:00 until you stop it" in flat(browser.get(mailing.get_absolute_url()))
    edit = browser.get(reverse("mailing_edit", args=[mailing.pk]))
    assert edit.context["form"]["ends_at"].value() is None
    assert browser.get(NEW).context["form"]["ends_at"].value() is None


def test_a_mailing_is_called_by_its_subject_unless_it_has_a_name(browser, form, message):
    message.subject = "{{ first_name }}, it is <spring>"
    message.save()
    browser.post(NEW, form)
    browser.post(NEW, {**form, "name": "Regulars", "form_key": str(uuid.uuid4())})
    names = sorted(str(mailing) for mailing in Mailing.objects.all())
    assert names == ["Anna, it is <spring>", "Regulars"]
    shown = browser.get(reverse("mailings"), {"q": "anna, it"}).content.decode()
    assert ">Anna, it is &lt;spring&gt;</a>" in shown
    assert not any(text in shown for text in ("Regulars", "{{ first"))

    changed = {"subject": "Summer, {{ first_name }}", "format": "html", "body": "<p>Hello</p>", "do": "save"}
    browser.post(reverse("message_edit", args=[message.pk]), changed)
    assert sorted(str(mailing) for mailing in Mailing.objects.all()) == ["Regulars", "Summer, Anna"]


def test_without_a_message_the_form_leads_to_the_first_one(browser, message):
    assert "Write your first message" not in browser.get(NEW).content.decode()
    message.delete()
    assert f'href="{reverse("message_create")}">Write your first message</a>' in flat(browser.get(NEW))


def test_a_start_in_the_past_and_an_end_in_the_past(browser, form):
    answer = browser.post(NEW, {**form, "starts_at": "2020-01-01T09:00", "ends_at": "2020-02-01T09:00"})
    assert answer.status_code == 422
    assert beside(answer, "ends_at") == ["The end has already passed. Choose a later one."]
    assert not Mailing.objects.exists()


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize(
    ("field", "value", "beside_field", "says"),
    [
        ("message", "", "message", "This field is required."),
        ("message", "0", "message", GONE),
        ("message", "x", "message", GONE),
        ("message", "9" * 30, "message", GONE),
        ("message", "foreign", "message", GONE),
        ("clients", [], "groups", "Choose at least one group or client."),
        ("clients", ["x"], "clients", GONE),
        ("clients", ["9" * 30], "clients", GONE),
        ("clients", "foreign", "clients", GONE),
        ("groups", "foreign", "groups", GONE),
        ("groups", ["0"], "groups", GONE),
        ("ends_at", "2030-05-01T09:00", "ends_at", "The end must be later than the start."),
        ("ends_at", "2030-04-01T09:00", "ends_at", "The end must be later than the start."),
        ("ends_at", "2060-01-01T09:00", "ends_at", TOO_FAR),
        ("name", "x" * 201, "name", "Ensure this value has at most 200 characters (it has 201)."),
        ("name", "two\nlines", "name", "Line breaks and control characters are not allowed here."),
        ("starts_at", "0001-01-01T00:00", "starts_at", TOO_LONG_AGO),
        ("starts_at", "tomorrow", "starts_at", "Enter a valid date/time."),
        ("starts_at", "2030-13-45T99:99", "starts_at", "Enter a valid date/time."),
        ("time_zone", "Mars/Olympus", "time_zone", NO_ZONE),
        ("time_zone", "", "time_zone", "This field is required."),
        ("period", "hourly", "period", f"{INVALID} hourly {NOT_ONE}"),
        ("form_key", "x", "form_key", "Enter a valid UUID."),
    ],
)  # fmt: skip
def test_bad_input_gets_a_message_beside_the_field(
    field, value, beside_field, says, headers, browser, form, stranger
):
    foreign = {"message": MessageFactory, "clients": ClientFactory, "groups": ClientGroupFactory}
    if value == "foreign":
        value = foreign[field](owner=stranger).pk
    answer = browser.post(NEW, {**form, field: value}, headers=headers)
    assert answer.status_code == 422
    assert beside(answer, beside_field) == [says]
    assert set(answer.context["form"].errors) == {beside_field}
    assert says in answer.content.decode()
    assert (b"<html" in answer.content) is not bool(headers)
    assert not Mailing.objects.exists()


def test_an_empty_group_and_a_suppressed_audience_are_told(browser, form, owner, anna):
    group = ClientGroupFactory(owner=owner)
    empty = browser.post(NEW, {**form, "clients": [], "groups": [group.pk]})
    assert beside(empty, "groups") == ["The chosen groups are empty. Add clients to them first."]
    Suppression.objects.create(owner=owner, email="ANNA@example.org", reason="unsubscribed")
    nobody = browser.post(NEW, form)
    says = "Every recipient is on the stop-list: there is nobody left to mail."
    assert beside(nobody, "groups") == [says]
    assert not Mailing.objects.exists()


def test_a_time_that_the_user_s_clocks_skip_is_told(browser, form, owner):
    owner.time_zone = "Europe/Berlin"
    owner.save()
    answer = browser.post(NEW, {**form, "starts_at": "2030-03-31T02:30"})
    assert answer.status_code == 422
    assert "couldn’t be interpreted in time zone Europe/Berlin" in beside(answer, "starts_at")[0]


def test_more_single_clients_than_a_page_can_show_belong_into_a_group(browser, form, owner):
    many = ClientFactory.create_batch(501, owner=owner)
    answer = browser.post(NEW, {**form, "clients": [client.pk for client in many]})
    assert beside(answer, "clients") == ["Choose at most 500 clients one by one; put more into a group."]


def test_edit_in_the_dialog_gives_the_row_back_and_plans_anew(browser, form, owner, message):
    mailing = MailingFactory(owner=owner, message=message)
    url = reverse("mailing_edit", args=[mailing.pk])
    answer = browser.post(url, {**form, "period": "weekly"}, headers=DIALOG)
    assert (answer.status_code, answer["HX-Retarget"]) == (200, f"#mailing-{mailing.pk}")
    assert flat(answer).startswith("<tr")
    mailing.refresh_from_db()
    assert (mailing.period, mailing.next_run_at) == ("weekly", datetime(2030, 5, 1, 6, tzinfo=UTC))


def test_edit_without_javascript_leads_to_the_mailing(browser, form, owner, message):
    mailing = MailingFactory(owner=owner, message=message)
    answer = browser.post(reverse("mailing_edit", args=[mailing.pk]), form)
    assert (answer.status_code, answer["Location"]) == (302, f"/mailings/{mailing.pk}/")


def test_an_ended_mailing_can_be_edited_in_its_other_fields(browser, form, owner, message):
    start = datetime(2020, 5, 1, 6, tzinfo=UTC)
    mailing = MailingFactory(owner=owner, message=message, starts_at=start, ends_at=start + timedelta(days=1))
    url = reverse("mailing_edit", args=[mailing.pk])
    dates = dict(re.findall(r'name="(starts_at|ends_at)" value="([^"]*)"', browser.get(url).content.decode()))
    assert dates == {"starts_at": "2020-05-01T09:00", "ends_at": "2020-05-02T09:00"}
    assert browser.post(url, {**form, **dates, "period": "weekly"}).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.period, mailing.next_run_at) == ("weekly", None)


def test_a_copy_begins_with_all_but_the_dates_that_have_passed(browser, owner, message, anna):
    group = ClientGroupFactory(owner=owner)
    start = datetime(2020, 5, 1, 6, tzinfo=UTC)
    source = MailingFactory(
        owner=owner, message=message, starts_at=start, ends_at=start + timedelta(days=9), period="weekly"
    )
    source.groups.add(group)
    source.clients.add(anna)
    shown = browser.get(reverse("mailing_clone", args=[source.pk])).context["form"]
    values = {name: shown[name].value() for name in ("message", "groups", "clients", "period", "time_zone")}
    assert values == {
        "message": message.pk,
        "groups": [group.pk],
        "clients": [anna.pk],
        "period": "weekly",
        "time_zone": "Europe/Moscow",
    }
    assert shown["starts_at"].initial > timezone.now()
    assert shown["ends_at"].initial - shown["starts_at"].initial == timedelta(days=9)


def test_posting_a_copy_makes_a_mailing_of_its_own(browser, owner, message, form):
    source = MailingFactory(owner=owner, message=message)
    browser.post(reverse("mailing_clone", args=[source.pk]), form)
    assert Mailing.objects.count() == 2


def test_delete_says_what_goes_with_it(browser, owner, message):
    mailing = MailingFactory(owner=owner, message=message)
    attempt = AttemptFactory(mailing=mailing, total=2)
    DeliveryFactory.create_batch(2, attempt=attempt)
    AttemptFactory(mailing=mailing, total=5, pruned_at=timezone.now())
    url = reverse("mailing_delete", args=[mailing.pk])
    page = browser.get(url)
    assert "The reports of 2 runs go with it: what became of 2 mails." in page.content.decode()
    assert browser.post(url, headers=DIALOG).status_code == 204
    assert not Mailing.objects.exists()


# The choice of recipients


# What one click does


def test_without_javascript_a_button_searches_and_nothing_is_saved_or_judged(browser, form, owner):
    ClientFactory(owner=owner, email="boris@example.org", full_name="Boris")
    data = {**form, "clients-search": "boris", "search": "1", "message": ""}
    answer = browser.post(NEW, data)
    picker = answer.context["form"].pickers[1]
    assert [str(row) for row in picker.offered] == ["Boris <boris@example.org>"]
    assert [str(row) for row in picker.chosen] == ["Anna <anna@example.org>"]
    assert answer.context["form"].errors == {}
    assert not Mailing.objects.exists()


def test_the_page_of_a_mailing_shows_its_next_runs_in_its_zone(browser, form):
    browser.post(NEW, {**form, "starts_at": "2030-10-26T08:00", "ends_at": "2030-12-01T09:00"})
    mailing = Mailing.objects.get()
    shown = browser.get(f"/mailings/{mailing.pk}/").context["next_runs"]
    # 07:00 in Berlin on both sides of the change of clocks on 27 October
    assert [f"{run:%d %H:%M %z}" for run in shown] == ["26 07:00 +0200", "27 07:00 +0100", "28 07:00 +0100"]
