"""Messages that no honest sender writes: refused in time when saved, and held when a snapshot has one."""

from time import process_time

import pytest
from django.core.exceptions import ValidationError

from mailer.composing.compiling import check_message, compile_message
from mailer.composing.merge import CannotCompile, check_template
from mailer.models import Message
from testing.factories import ClientFactory, MessageFactory
from testing.sending import make_mailing

NEST = "<b>" * 20_000
RULES = "<style>" + "".join(f"*{{p{n}: {n}}}" for n in range(4000)) + "</style>" + "<i></i>" * 8000
TOO_MUCH = "this HTML is too deeply nested, has too many style rules, or grows too large"


@pytest.mark.parametrize("body", [NEST, RULES], ids=["nesting", "rules"])
def test_html_that_crashes_or_drowns_the_tools_is_refused(body):
    with pytest.raises(CannotCompile, match=TOO_MUCH):
        compile_message(subject="x", body=body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{{" * 100_000, "a merge field is not closed within 500 characters (line 1)"),
        ("{%" * 100_000, "a merge field is not closed within 500 characters (line 1)"),
        ("\n{{ full_name", "a merge field is not closed within 500 characters (line 2)"),
        ("{{ '" + "&" * 600 + "' }}", "a merge field is not closed within 500 characters (line 1)"),
        ("{{ '&'" + "| escape" * 6 + " }}", "a merge field has more than 5 filters (line 1)"),
        ("{{ email }}\n" * 1001, "there are more than 1000 merge fields (line 1001)"),
    ],
)
def test_merge_fields_out_of_proportion_are_refused_in_time(body, says):
    before = process_time()
    with pytest.raises(ValidationError) as refused:
        check_template(body)
    assert refused.value.messages == [f"The merge fields cannot be read: {says}."]
    assert process_time() - before < 1  # it was minutes; a bound on the order, not a benchmark


def test_what_the_footer_would_complete_is_refused_when_it_is_saved():
    with pytest.raises(ValidationError, match="cannot be"):
        check_template("<p>{% comment %}{{ {% endcomment %}hi</p>")


def test_a_long_honest_newsletter_is_welcome():
    rows = "".join(f"<tr><td class='c'>Offer {n}</td><td>{{{{ first_name }}}}</td></tr>" for n in range(900))
    check_message(subject="x", body=f"<style>.c {{ color: red }}</style><table>{rows}</table>")


@pytest.mark.django_db
def test_the_form_says_it_beside_the_body_and_saves_nothing(owner, client_of):
    answer = client_of(owner).post(
        f"/messages/{MessageFactory(owner=owner).pk}/edit/",
        {"subject": "x", "format": "html", "body": NEST, "do": "save"},
    )
    assert answer.status_code == 422
    assert answer.context["form"].head.errors == {"body": [f"This message cannot be prepared: {TOO_MUCH}."]}
    assert Message.objects.get().body != NEST


@pytest.mark.django_db
def test_the_preview_of_one_that_was_stored_before_says_why_there_is_none(owner, client_of):
    message = MessageFactory(owner=owner, body=NEST)
    page = client_of(owner).get(f"/messages/{message.pk}/preview/")
    assert page.status_code == 200
    assert TOO_MUCH in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_attempt_with_such_a_snapshot_is_held_and_others_go_out(owner, stranger, smtp):
    bad = make_mailing(owner, [ClientFactory(owner=owner)], message=MessageFactory(owner=owner, body=NEST))
    good = make_mailing(stranger, [ClientFactory(owner=stranger)])
    attempt = bad.attempts.get()
    assert attempt.held_at
    assert TOO_MUCH in attempt.problem
    assert list(attempt.deliveries.values_list("status", "tries")) == [("queued", 0)]
    assert good.attempts.get().status == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_one_client_s_name_does_not_stop_its_neighbours(owner, smtp, monkeypatch):
    message = MessageFactory(owner=owner, body="{% if full_name.size > 60 %}long{% endif %}{{ full_name }}")
    awkward = ["9" * 150, "{{ email }}", "<b>", "\u2028", "a\x00b".replace("\x00", "\x01"), ""]
    clients = [ClientFactory(owner=owner, full_name=name) for name in awkward]
    attempt = make_mailing(owner, clients, message=message).attempts.get()
    assert (attempt.sent, attempt.failed) == (6, 0)
    assert sorted(smtp.recipients) == sorted(client.email for client in clients)
