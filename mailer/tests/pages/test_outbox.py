"""The outbox: what the local mail catcher holds, only while DEBUG."""

import mailbox
from email.message import EmailMessage

import pytest
from django.test import Client as Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def caught(settings, tmp_path):
    settings.DEBUG = True
    settings.MAIL_DIR = tmp_path / "mail"
    box = mailbox.Maildir(settings.MAIL_DIR)

    def catch(subject="Hello", html="<p>Hi</p>"):
        mail = EmailMessage()
        mail["Subject"], mail["To"] = subject, "Anna <anna@example.org>"
        mail.set_content("Hi, see https://example.com/x")
        mail.add_alternative(html, subtype="html")
        return box.add(mail)

    return catch


def test_without_debug_there_is_no_outbox(caught, settings):
    key = caught()
    settings.DEBUG = False
    for url in ("/outbox/", f"/outbox/{key}/", f"/outbox/{key}/html/"):
        assert Browser().get(url).status_code == 404


def test_before_the_first_mail_it_is_empty(settings, tmp_path):
    settings.DEBUG, settings.MAIL_DIR = True, tmp_path / "none"
    assert "No mail has been caught yet." in Browser().get("/outbox/").content.decode()


def test_the_newest_mail_comes_first_and_pages_follow(caught):
    keys = [caught(subject=f"Mail {n}") for n in range(30)]
    first, second = Browser().get("/outbox/"), Browser().get("/outbox/?page=2")
    assert [mail.key for mail in first.context["page"]] == keys[:4:-1]
    assert [mail.subject for mail in second.context["page"]] == [f"Mail {n}" for n in (4, 3, 2, 1, 0)]
    assert Browser().get("/outbox/?page=x").status_code == 200


def test_a_mail_shows_its_text_html_and_headers(caught):
    key = caught(subject="Привет <b>", html="<p>Hi<script>alert(1)</script></p>")
    page = Browser().get(f"/outbox/{key}/")
    html = page.content.decode()
    assert "Привет &lt;b&gt;" in html
    assert 'href="https://example.com/x"' in html
    assert "Anna &lt;anna@example.org&gt;" in html
    assert "sandbox=" in html
    part = Browser().get(f"/outbox/{key}/html/")
    assert part.content.decode().strip() == '<base target="_blank"><p>Hi<script>alert(1)</script></p>'
    assert "default-src 'none'" in part["Content-Security-Policy"]
    assert "sandbox" in part["Content-Security-Policy"]


@pytest.mark.parametrize(
    "key", ["..", "...", ".hidden", "a" * 300, "x y", "nothing", "..%2Fdb.sqlite3", "%00"]
)
def test_a_name_never_leads_out_of_the_folder(key, caught):
    caught()
    assert Browser().get(f"/outbox/{key}/").status_code == 404


def test_the_links_of_a_mail_open_beside_this_site(caught):
    key = caught(html="<!doctype html><html><head><title>x</title></head><body>x</body></html>")
    html = Browser().get(f"/outbox/{key}/html/").content.decode()
    assert '<head><base target="_blank"><title>' in html


def test_a_broken_mail_is_shown_as_far_as_it_goes(caught, settings):
    (settings.MAIL_DIR / "new" / "1.M1P1.host").write_bytes(
        b"Subject: =?utf-8?b?!!?=\r\nTo: @@@\r\n\r\n\xff\xfe"
    )
    assert Browser().get("/outbox/").status_code == 200
    assert Browser().get("/outbox/1.M1P1.host/").status_code == 200
