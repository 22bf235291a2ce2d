"""The recipient's way out: RFC 8058's POST acts without log-in, a GET never does."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailer.composing.unsubscribe_links import _signer, headers, read_token, suppress, token_for
from mailer.models import Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(owner):
    return reverse("unsubscribe", args=[token_for(owner_id=owner.pk, email="Anna@example.org")])


def test_a_get_shows_a_button_and_changes_nothing(url):
    answer = Browser().get(url)
    assert answer.status_code == 200
    assert b'name="do" value="leave"' in answer.content
    assert b"Anna@example.org" in answer.content
    assert not Suppression.objects.exists()


def test_a_one_click_post_needs_no_session_and_no_csrf_token(url, owner):
    browser = Browser(enforce_csrf_checks=True)
    for _ in range(2):
        assert browser.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert list(Suppression.objects.values_list("owner", "email", "reason")) == [
        (owner.pk, "Anna@example.org", "unsubscribed")
    ]


def test_who_left_already_is_told_so(url):
    Browser().post(url)
    answer = Browser().get(url)
    assert "You are unsubscribed" in answer.content.decode()
    assert b'value="leave"' not in answer.content


def test_another_case_of_the_address_is_the_same_address(owner):
    assert suppress(owner_id=owner.pk, email="a@example.org", reason="unsubscribed")
    assert not suppress(owner_id=owner.pk, email="A@EXAMPLE.org", reason="bounced")


def test_it_holds_for_one_owner_only(url, owner, stranger):
    Browser().post(url)
    assert not stranger.suppressions.exists()


@pytest.mark.parametrize("token", ["x", "WzEsImEiXQ:forged", "WzEsImEiXQ", "ы", "a" * 3000])
def test_a_forged_or_cut_token_says_so(db, token):
    for method in (Browser().get, Browser().post):
        answer = method(reverse("unsubscribe", args=[token]))
        assert answer.status_code == 404
        assert b"This link is incomplete" in answer.content


def test_a_deleted_owner_is_no_error(url, owner):
    owner.delete()
    assert Browser().post(url).status_code == 200
    assert not Suppression.objects.exists()


def test_other_methods_are_refused(url):
    assert Browser().put(url).status_code == 405


def test_the_token_is_read_back_and_the_headers_name_it(settings):
    token = token_for(owner_id=7, email="ann@пример.рф")
    assert read_token(token) == (7, "ann@пример.рф", None)
    settings.MAIL_UNSUBSCRIBE_MAILTO = ""
    assert headers(token) == {
        "List-Unsubscribe": f"<http://testserver/u/{token}/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_a_token_made_fast_is_the_token_that_django_makes():
    for email in ("a@example.org", 'o"neil\\@example.org', "анна@почта.рф"):
        assert token_for(owner_id=7, email=email) == _signer.sign_object([7, email])
        assert read_token(token_for(owner_id=7, email=email)) == (7, email, None)
        assert token_for(owner_id=7, email=email, mailing_id=9) == _signer.sign_object([7, email, 9])
        assert read_token(token_for(owner_id=7, email=email, mailing_id=9)) == (7, email, 9)
