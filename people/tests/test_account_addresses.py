"""Whatever spelling is entered, an account is one mailbox, and its mail goes there."""

from email import message_from_bytes, policy

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.test import Client as Browser
from django.urls import reverse

from people import mail as people_mail
from people.accounts import mark_verified
from people.models import User
from testing.accounts import LOGIN, NEW, SENT, SIGNUP, link_in, log_in, reauthenticate
from testing.factories import PASSWORD, UserFactory
from testing.rough_server import RoughServer

pytestmark = pytest.mark.django_db(transaction=True)  # emails leave on commit
INVISIBLE = "There is an invisible character inside the address. Retype it instead of pasting it."


def sign_up(email):
    return Browser().post(SIGNUP, {**NEW, "email": email})


@pytest.mark.parametrize(
    ("email", "kept", "wire"),
    [
        ("user@bücher.example", "user@bücher.example", "user@xn--bcher-kva.example"),
        ("user@xn--bcher-kva.example", "user@bücher.example", "user@xn--bcher-kva.example"),
        ("Demo@example.com\u200b", "demo@example.com", "demo@example.com"),
        ("user@straße.example", "user@straße.example", "user@xn--strae-oqa.example"),
        ("user@ελλάς.example", "user@ελλάς.example", "user@xn--hxarsa0b.example"),
        ("Анна@ПОЧТА.РФ", "анна@почта.рф", "анна@xn--80a1acny.xn--p1ai"),
    ],
)
def test_an_account_is_made_and_confirmed_at_the_mailbox_that_was_entered(email, kept, wire):
    assert sign_up(email)["Location"] == SENT
    assert User.objects.get().email == EmailAddress.objects.get().email == kept
    [message] = mail.outbox
    assert message.to == [wire]
    Browser().post(link_in(message))
    assert EmailAddress.objects.get().verified
    assert log_in(email, NEW["password1"])["Location"] == reverse("start")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user@bücher.example", "user@xn--bcher-kva.example"),
        ("user@xn--bcher-kva.example", "USER@BU\u0308CHER.example"),
        ("demo@example.com", "demo@example.com\u200b"),
        ("demo@example.com", "\ufeffDEMO@example。com"),
        ("user@straße.example", "user@STRA\u1e9eE.example"),
        ("анна@почта.рф", "АННА@xn--80a1acny.xn--p1ai"),
    ],
)
def test_two_spellings_of_a_mailbox_are_no_two_accounts(first, second):
    sign_up(first)
    mark_verified(User.objects.get())
    cache.clear()  # else it were too soon after the first mail
    assert sign_up(second)["Location"] == SENT  # as for a new one: nobody is told
    assert User.objects.count() == EmailAddress.objects.count() == 1
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (mail.outbox[0].to, "Confirm your email address"),
        (mail.outbox[0].to, "You already have an account"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user@straße.example", "user@strasse.example"),
        ("user@ελλάς.example", "user@ελλάσ.example"),
        ("straße@b.cd", "strasse@b.cd"),
    ],
)
def test_two_mailboxes_are_two_accounts(first, second):
    sign_up(first)
    sign_up(second)
    assert list(User.objects.order_by("pk").values_list("email", flat=True)) == [first, second]
    assert len({message.to[0] for message in mail.outbox}) == 2


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("demo@\uff45xample.com", "“\uff45xample.com” is not a domain name."),
        ("demo@exam\u00adple.com", INVISIBLE),
        ("a@victim.com＞\u3000NOTIFY＝NEVER＜b.org", "Enter a valid email address."),
        ('"a"@b.cd', '“"” is not allowed in an address.'),
    ],
)
def test_no_door_takes_what_is_no_address(verified, email, says):
    browser = Browser()
    log_in(verified.email, PASSWORD, browser)
    for answer, field in (
        (sign_up(email), "email"),
        (Browser().post(LOGIN, {"login": email, "password": PASSWORD}), "login"),
        (Browser().post("/accounts/password/reset/", {"email": email}), "email"),
        (browser.post(reverse("account_email"), {"action_add": "", "email": email}), "email"),
    ):
        shown = reauthenticate(browser, answer) if answer.status_code == 302 else answer
        assert shown.context["form"].errors == {field: [says]}
    assert User.objects.count() == 1
    assert mail.outbox == []


@pytest.mark.parametrize(
    "spelling", ["user@bücher.example", "USER@XN--BCHER-KVA.EXAMPLE", "user@bu\u0308cher。example\u200b"]
)
def test_a_password_is_reset_under_any_spelling_and_at_the_one_mailbox(spelling):
    mark_verified(UserFactory(email="user@bücher.example"))
    Browser().post("/accounts/password/reset/", {"email": spelling})
    [message] = mail.outbox
    assert (message.to, message.subject) == (["user@xn--bcher-kva.example"], "Set a new password")
    assert "user@bücher.example" in message.body
    assert log_in(spelling, PASSWORD)["Location"] == reverse("start")


def test_a_reset_for_a_neighbour_s_domain_goes_nowhere():
    mark_verified(UserFactory(email="user@strasse.example"))
    Browser().post("/accounts/password/reset/", {"email": "user@straße.example"})
    assert mail.outbox == []


def test_a_change_of_address_is_kept_in_its_spelling(verified):
    browser = Browser()
    log_in(verified.email, PASSWORD, browser)
    answer = browser.post(
        reverse("account_email"), {"action_add": "", "email": "New@XN--BCHER-KVA.example\u200b"}
    )
    reauthenticate(browser, answer)
    [message] = mail.outbox
    assert message.to == ["new@xn--bcher-kva.example"]
    browser.post(link_in(message))
    verified.refresh_from_db()
    assert verified.email == EmailAddress.objects.get().email == "new@bücher.example"


USER = {"name": "", "company": "", "time_zone": "UTC", "language": "en", "groups": []}


def test_a_superuser_makes_no_second_account_for_a_mailbox(superuser, client_of):
    UserFactory(email="user@bücher.example")
    browser = client_of(superuser)
    answer = browser.post(reverse("user_create"), {**USER, "email": "User@xn--bcher-kva.example"})
    assert answer.context["form"].errors == {"email": ["There is already an account with this email."]}
    browser.post(reverse("user_create"), {**USER, "email": "Second@xn--bcher-kva.example"})
    assert User.objects.filter(email="second@bücher.example").exists()


def test_the_administration_makes_no_second_account_for_a_mailbox(superuser, client_of):
    UserFactory(email="user@bücher.example")
    browser, url = client_of(superuser), reverse("admin:people_user_add")
    form = {"usable_password": "true", "password1": "correct-horse-7", "password2": "correct-horse-7"}
    answer = browser.post(url, {**form, "email": "USER@xn--bcher-kva.example"})
    assert answer.context["adminform"].form.errors == {
        "__all__": ["There is already an account with this email."]
    }
    answer = browser.post(url, {**form, "email": "x@exam\u00adple.com"})
    assert answer.context["adminform"].form.errors == {"email": [INVISIBLE]}
    assert browser.post(url, {**form, "email": "Third@xn--bcher-kva.example"}).status_code == 302
    assert User.objects.filter(email="third@bücher.example").exists()


def test_fixtures_name_a_user_by_any_spelling():
    user = UserFactory(email="user@bücher.example")
    assert User.objects.get_by_natural_key("USER@xn--bcher-kva.example") == user
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key("no address")


@pytest.mark.parametrize("offers", [("8BITMIME", "SMTPUTF8"), ("8BITMIME",)])
def test_letters_before_the_at_are_mailed_only_where_the_server_takes_them(settings, offers, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    email = EmailMultiAlternatives("Привет", "текст")
    email.attach_alternative("<p>текст</p>", "text/html")
    with RoughServer(offers=offers) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        sent = people_mail.send(email, to="анна@почта.рф")
    if "SMTPUTF8" not in offers:
        assert (sent, server.taken) == (False, [])
        assert "the mail server takes no address such as" in caplog.text
        return
    [taken] = server.taken
    assert (sent, taken.recipient, taken.options) == (True, "анна@почта.рф", "SMTPUTF8 BODY=8BITMIME")
    parsed = message_from_bytes(taken.content, policy=policy.default)
    assert (parsed["To"], parsed["Subject"]) == ("анна@почта.рф", "Привет")
    assert parsed.get_body(("plain",)).get_content().strip() == "текст"


def test_an_account_s_mail_to_no_address_is_not_sent(caplog):
    assert people_mail.send(EmailMultiAlternatives("S", "x"), to="a@exam\u00adple.com") is False
    assert mail.outbox == []
    assert INVISIBLE in caplog.text
