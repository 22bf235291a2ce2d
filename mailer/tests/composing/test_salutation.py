"""How clients are greeted: by a salutation of their own, else by the first name."""

import pytest

from mailer.checking.fields import gaps
from mailer.composing.compiling import compile_message
from mailer.models import Attribute, Client, Delivery
from mailer.reporting.receipt import page_again, subjects_again
from testing.factories import ClientFactory, MessageFactory
from testing.sending import make_mailing


@pytest.mark.django_db(transaction=True)
def test_a_salutation_of_ones_own_goes_before_the_first_name(owner, smtp, browser):
    """Typed into the client's form, sent, and the same in the report and for the recipient."""
    message = MessageFactory(owner=owner, subject="{{ salutation }}!", body="<p>Dear {{ salutation }},</p>")
    anna = ClientFactory(owner=owner, email="anna@example.org", full_name="Anna Lee")
    form = {"email": anna.email, "full_name": anna.full_name, "attribute_salutation": "Frau Dr. Lee & Co"}
    browser.post(f"/clients/{anna.pk}/edit/", form)
    anna.refresh_from_db()
    assert anna.attributes == {"salutation": "Frau Dr. Lee & Co"}
    assert Attribute.objects.get().key == "salutation"
    others = [
        ClientFactory(owner=owner, email=f"{number}@example.org", full_name=name)
        for number, name in enumerate(("Smith, John", "Acme Ltd"))
    ]
    make_mailing(owner, [anna, *others], message=message)
    subjects = {mail.recipient: mail.parsed["Subject"] for mail in smtp.mails}
    assert subjects == {anna.email: "Frau Dr. Lee & Co!", "0@example.org": "John!", "1@example.org": "!"}
    delivery = Delivery.objects.select_related("attempt__mailing__owner").get(client=anna)
    page = page_again(delivery)
    assert "Dear Frau Dr. Lee &amp; Co," in page.html
    assert subjects_again([delivery], owner=owner) == ["Frau Dr. Lee & Co!"]
    compiled = compile_message(subject=message.subject, body=message.body)
    found = gaps(compiled=compiled, clients=Client.objects.filter(owner=owner))
    assert [(gap.name, gap.number, gap.of) for gap in found] == [("salutation", 1, 3)]


@pytest.mark.django_db
def test_an_empty_form_defines_no_attribute(owner, browser):
    browser.post("/clients/new/", {"email": "a@example.org", "attribute_salutation": "  "})
    assert Client.objects.get().attributes == {}
    assert not Attribute.objects.exists()
