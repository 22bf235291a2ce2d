"""What was answered to who is signed in, or to a secret link, is kept nowhere; public pages may be."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailer.composing.unsubscribe_links import token_for
from people.accounts import mark_verified
from testing.articles import ArticleFactory
from testing.factories import PASSWORD, UserFactory
from testing.permissions import TABLE, address

KEPT_NOWHERE = "private, no-store"


@pytest.mark.parametrize("name", TABLE)
def test_every_answer_to_who_is_signed_in(name, owner, arguments, client_of):
    answer = client_of(owner).get(address(name, arguments))
    assert answer["Cache-Control"] == KEPT_NOWHERE


def test_log_in_and_log_out_themselves(owner):
    mark_verified(owner)
    browser = Browser()
    page = browser.get("/accounts/login/")
    done = browser.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    out = browser.post("/accounts/logout/")
    assert [answer["Cache-Control"] for answer in (page, done, out)] == [KEPT_NOWHERE] * 3
    assert done.status_code == 302


def test_secret_links_of_who_is_not_signed_in(owner):
    urls = (
        reverse("unsubscribe", args=[token_for(owner_id=owner.pk, email="a@example.org")]),
        reverse("unsubscribe", args=["made-up"]),
        reverse("account_reset_password_from_key", kwargs={"uidb36": "1", "key": "made-up"}),
        reverse("account_confirm_email", args=["made-up"]),
        reverse("join_confirm", args=["made-up"]),
        reverse("reply_confirm", args=["made-up"]),
        reverse("mail_view", args=["made-up"]),
    )
    for url in urls:
        assert Browser().get(url)["Cache-Control"] == KEPT_NOWHERE
    assert Browser().post(urls[0])["Cache-Control"] == KEPT_NOWHERE


def test_refusals_and_missing_pages_too(owner, client_of):
    for url in ("/users/", "/mailings/999999/", "/no-such-page/"):
        assert client_of(owner).get(url)["Cache-Control"] == KEPT_NOWHERE


def test_the_administration(superuser, client_of):
    for url in ("/admin/", "/admin/people/user/"):
        assert client_of(superuser).get(url)["Cache-Control"] == KEPT_NOWHERE


def test_public_pages_and_static_files_may_be_kept(db):
    article = ArticleFactory()
    for url in ("/", "/blog/", article.get_absolute_url(), "/robots.txt", "/static/css/site.css"):
        answer = Browser().get(url)
        assert "no-store" not in answer.get("Cache-Control", ""), url
        if getattr(answer, "streaming", False):
            answer.close()


def test_a_public_page_is_private_as_soon_as_it_shows_who_reads_it(db, client_of):
    assert client_of(UserFactory()).get("/blog/")["Cache-Control"] == KEPT_NOWHERE
