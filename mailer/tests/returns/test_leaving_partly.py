"""A recipient leaves one mailing, or everything for 30 days, and still gets what they did not leave."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailer.audience import audience_of_mailing, bulk
from mailer.audience.importing import import_clients
from mailer.audience.stop_list import add_stop
from mailer.composing.unsubscribe_links import read_token, suppress, token_for
from mailer.models import BulkAction, Client, Delivery, OptOut, Suppression
from mailer.returns import leaving
from mailer.sending.opening import run_now
from people.models import AuditEntry
from testing.factories import ClientFactory, MailingFactory, MessageFactory
from testing.pages import DIALOG
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db
Status = Delivery.Status


@pytest.fixture
def anna(owner) -> Client:
    return ClientFactory(owner=owner, email="Anna@example.org", full_name="Anna Lee")


@pytest.fixture
def weekly(owner):
    return MailingFactory(message=MessageFactory(owner=owner), name="Weekly <news>", period="weekly")


@pytest.fixture
def token(owner, anna, weekly) -> str:
    return token_for(owner_id=owner.pk, email=anna.email, mailing_id=weekly.pk)


def post(token, **said):
    return Browser().post(reverse("unsubscribe", args=[token]), {"do": "leave", **said})


def page(token, query=""):
    return Browser().get(reverse("unsubscribe", args=[token]) + query).content.decode()


def link_in(mail):
    """What the token of a mail's List-Unsubscribe says."""
    token = mail.parsed["List-Unsubscribe"].partition("/u/")[2].partition("/")[0]
    return read_token(token)


def stops(owner):
    return list(owner.suppressions.values_list("email", "reason", "why"))


def left(owner):
    return list(OptOut.objects.owned_by(owner).values_list("email", "mailing__name"))


def test_the_page_names_the_sender_and_offers_three_ways(token):
    shown = page(token)
    assert "Olga Owner" in shown
    assert "Only this mailing" in shown
    assert "Weekly" not in shown  # the name of a mailing is for its owner's eyes
    for what in ("mailing", "all", "pause"):
        assert f'name="what" value="{what}"' in shown


@pytest.mark.parametrize("times", [1, 2])
def test_one_mailing_is_left_and_can_be_joined_again(token, owner, times):
    for _again in range(times):
        assert post(token, what="mailing").status_code == 302
    assert (left(owner), stops(owner)) == ([("Anna@example.org", "Weekly <news>")], [])
    assert "You left this mailing" in page(token)
    assert 'value="leave"' in page(token, "?more=1")
    for _again in range(times):
        post(token, do="return")
    assert (left(owner), stops(owner)) == ([], [])
    assert 'value="leave"' in page(token)


def test_a_pause_ends_by_itself(token, owner, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    post(token, what="pause", why="too_often")
    stop = owner.suppressions.get()
    assert (stop.reason, stop.why, stop.until) == ("paused", "too_often", now + timedelta(days=30))
    assert "Mail is paused" in page(token)
    time_machine.move_to(now + timedelta(days=29), tick=False)
    assert leaving.end_pauses() == 0
    time_machine.move_to(now + timedelta(days=30), tick=False)
    assert (leaving.end_pauses(), leaving.end_pauses()) == (1, 0)
    assert stops(owner) == []


def test_a_pause_can_be_undone_and_asked_for_again(token, owner, time_machine):
    post(token, what="pause")
    post(token, do="return")
    assert stops(owner) == []
    post(token, what="pause")
    later = timezone.now() + timedelta(days=5)
    time_machine.move_to(later, tick=False)
    post(token, what="pause")
    assert owner.suppressions.get().until == later + timedelta(days=30)


@pytest.mark.parametrize("what", ["", "all", "MAILING", "x" * 5000, "<b>", "mailing\r\nX: y"])
def test_whatever_is_none_of_them_is_everything(token, owner, what):
    post(token, what=what)
    assert (left(owner), stops(owner)) == ([], [("Anna@example.org", "unsubscribed", "")])


def test_the_mail_program_s_button_leaves_everything(token, owner):
    Browser().post(reverse("unsubscribe", args=[token]).rstrip("/"), {"List-Unsubscribe": "One-Click"})
    assert (left(owner), stops(owner)) == ([], [("Anna@example.org", "unsubscribed", "")])


@pytest.mark.parametrize("what", ["mailing", "pause", "all"])
def test_who_never_asked_complains_and_leaves_everything(token, owner, what):
    post(token, what=what, why="never_asked")
    assert stops(owner) == [("Anna@example.org", "complained", "never_asked")]


def test_what_comes_after_a_pause_stays(token, owner):
    for reason in ("bounced", "unsubscribed"):
        post(token, what="pause")
        assert suppress(owner_id=owner.pk, email="anna@example.org", reason=reason)
        assert not suppress(owner_id=owner.pk, email="anna@example.org", reason="complained")
        stop = owner.suppressions.get()
        assert (stop.reason, stop.until) == (reason, None)
        stop.delete()
    post(token, what="pause")
    assert add_stop(owner=owner, email="anna@example.org")
    assert stops(owner) == [("Anna@example.org", "added", "")]
    post(token, what="pause")
    assert stops(owner) == [("Anna@example.org", "added", "")]


def test_a_file_that_says_unsubscribed_ends_a_pause_for_good(token, owner, tmp_path):
    post(token, what="pause")
    file = tmp_path / "x.csv"
    file.write_text("email,status\nanna@example.org,unsubscribed\n")
    with file.open("rb") as opened:
        import_clients(opened, owner=owner)
    stop = owner.suppressions.get()
    assert (stop.reason, stop.until) == ("unsubscribed", None)


def test_many_put_on_the_stop_list_at_once_are_there_for_good(token, owner, anna):
    post(token, what="pause")
    action = bulk.begin(owner=owner, kind=BulkAction.Kind.STOP, clients=Client.objects.owned_by(owner))
    assert (action.changed, stops(owner)) == (1, [("Anna@example.org", "added", "")])


def test_a_mailing_of_somebody_else_or_one_that_is_gone_is_not_offered(owner, stranger, weekly, anna):
    foreign = MailingFactory(message=MessageFactory(owner=stranger), name="Foreign")
    for pk in (foreign.pk, 10**15):
        token = token_for(owner_id=owner.pk, email=anna.email, mailing_id=pk)
        assert "Foreign" not in page(token)
        assert 'value="mailing"' not in page(token)
        post(token, what="mailing")
        assert (OptOut.objects.count(), stops(owner)) == (0, [("Anna@example.org", "unsubscribed", "")])


def test_links_of_before_still_leave_everything(owner, anna):
    post(token_for(owner_id=owner.pk, email=anna.email), what="mailing")
    assert stops(owner) == [("Anna@example.org", "unsubscribed", "")]


def test_a_client_deleted_and_imported_again_has_still_left(token, owner, anna, weekly, tmp_path):
    post(token, what="mailing")
    anna.delete()
    file = tmp_path / "x.csv"
    file.write_text("email\nANNA@example.org\n")
    with file.open("rb") as opened:
        import_clients(opened, owner=owner)
    weekly.clients.set(Client.objects.owned_by(owner))
    audience = audience_of_mailing(weekly)
    assert (audience.total, audience.suppressed) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_run_skips_who_left_its_mailing_and_no_other(owner, anna, smtp):
    boris = ClientFactory(owner=owner, email="boris@example.org")
    weekly = make_mailing(owner, [anna, boris], period="weekly")
    link = link_in(next(mail for mail in smtp.mails if mail.recipient == "Anna@example.org"))
    assert link == (owner.pk, "Anna@example.org", weekly.pk)
    leaving.leave(link, what="mailing")
    attempt = run_now(mailing=weekly, after=weekly.attempts.get().pk)
    ledger = dict(attempt.deliveries.values_list("email", "status"))
    assert ledger == {"Anna@example.org": Status.SKIPPED, "boris@example.org": Status.SENT}
    assert attempt.deliveries.get(client=anna).answer_text == "Not mailed: the recipient left this mailing"
    other = make_mailing(owner, [anna]).attempts.get()
    assert other.deliveries.get().status == Status.SENT


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("mailing", "Not mailed: the recipient left this mailing"),
        ("pause", "Not mailed: the recipient asked for a pause"),
    ],
)
def test_who_leaves_while_a_run_goes_on_is_skipped(owner, anna, smtp, settings, what, said):
    boris = ClientFactory(owner=owner, email="boris@example.org")

    def leave(mail):
        leaving.leave(link_in(mail)._replace(email="boris@example.org"), what=what)

    smtp.on_mail = leave
    settings.MAIL_WINDOW = 1
    attempt = make_mailing(owner, [anna, boris]).attempts.get()
    row = attempt.deliveries.get(client=boris)
    assert (row.status, row.response) == (Status.SKIPPED, said)


@pytest.mark.django_db(transaction=True)
def test_a_copy_of_a_mailing_does_not_reach_who_left_it(token, owner, anna, weekly, browser):
    post(token, what="mailing")
    make_mailing(owner, [anna], message=weekly.message, copy_of=weekly)
    copied = owner.mailings.exclude(pk=weekly.pk).get()
    assert [row.email for row in copied.opt_outs.all()] == ["Anna@example.org"]
    assert copied.attempts.get().deliveries.get().status == Status.SKIPPED


def test_the_owner_sees_it_on_the_client_s_page_and_lifts_it(token, owner, anna, browser):
    post(token, what="mailing")
    row = OptOut.objects.get()
    shown = browser.get(reverse("client_detail", args=[anna.pk])).content.decode()
    assert "Left “Weekly &lt;news&gt;”" in shown
    url = reverse("optout_lift", args=[row.pk])
    assert "asked not to get it" in browser.get(url).content.decode()
    assert browser.post(url, headers=DIALOG).status_code == 204
    assert left(owner) == []
    assert AuditEntry.objects.get(action="stop_lifted").target == "Anna@example.org: Weekly <news>"


def test_the_list_of_who_left_is_one_s_own_and_exported(token, owner, stranger, browser, client_of):
    post(token, what="mailing")
    other = MailingFactory(message=MessageFactory(owner=stranger))
    OptOut.objects.create(owner=stranger, email="x@example.net", mailing=other)
    emails = [row.record.email for row in browser.get(reverse("opt_outs")).context["table"].rows]
    assert emails == ["Anna@example.org"]
    assert not browser.get(reverse("opt_outs") + "?q=boris").context["table"].rows
    file = b"".join(browser.get(reverse("opt_outs_export") + "?q=week").streaming_content).decode()
    assert file.splitlines()[1].startswith("Anna@example.org,Weekly <news>,20")
    mine = OptOut.objects.owned_by(owner).get()
    assert client_of(stranger).post(reverse("optout_lift", args=[mine.pk])).status_code == 404


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_takes_as_many_queries_for_many_rows(
    owner, browser, weekly, number, django_assert_max_num_queries
):
    for n in range(number):
        OptOut.objects.create(owner=owner, email=f"{n}@example.org", mailing=weekly)
    browser.get(reverse("opt_outs"))
    with django_assert_max_num_queries(7):
        browser.get(reverse("opt_outs"))


def test_my_data_names_what_i_left(token, owner):
    post(token, what="mailing")
    held = json.loads(Browser().get(reverse("unsubscribe_data", args=[token])).content)
    assert [entry["name"] for entry in held["left"]] == ["Weekly <news>"]


def test_a_pause_has_an_end_and_nothing_else_has(owner):
    for reason, until in (("paused", None), ("added", timezone.now())):
        with pytest.raises(IntegrityError), transaction.atomic():
            Suppression.objects.create(owner=owner, email="x@example.org", reason=reason, until=until)


def test_the_owner_is_told_that_a_pause_ends_by_itself(token, owner, browser):
    post(token, what="pause")
    shown = browser.get(reverse("stop_lift", args=[owner.suppressions.get().pk])).content.decode()
    assert "It ends by itself on" in shown
