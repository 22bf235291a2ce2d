"""What comes in is limited before it is read, and what goes out holds nothing that breaks its form."""

import gzip
import io
import logging
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.urls import reverse

from content.forms import ArticleForm
from site_config.logs import NoTraceOfRefusals
from testing.articles import ArticleFactory
from testing.factories import ClientFactory, MessageFactory

LARGE = 60_000_000


class Unread(io.BytesIO):
    """A body of which nothing may be read."""

    def read(self, *args):
        pytest.fail("it was read")

    readline = read


def status(browser, **environ):
    """What the site answers to a POST with this environment, whose body nobody may read."""
    environ |= {"wsgi.input": Unread(), "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    return browser.generic("POST", "/accounts/login/", **environ).status_code


def test_a_large_upload_of_a_stranger_is_refused_unread(db, client):
    assert status(client, CONTENT_LENGTH=str(LARGE)) == 413
    assert status(client, CONTENT_LENGTH="2500001") == 413
    assert status(client, CONTENT_LENGTH="-5") == 413
    assert status(client, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked") == 411


def test_a_user_may_send_more_but_not_without_end(owner, client_of):
    assert status(client_of(owner), CONTENT_LENGTH="100000001") == 413
    with pytest.raises(pytest.fail.Exception, match="it was read"):  # it passes, and the form is read
        status(client_of(owner), CONTENT_LENGTH=str(LARGE))


@pytest.mark.parametrize("char", ["\x0b", "\x01", "\x1f", "\ufffe"])
def test_control_characters_never_break_a_feed(char, db, client):
    ArticleFactory(title=f"A{char}B", description=f"C{char}D", body="<p>x</p>")
    for name in ("blog_rss", "blog_atom"):
        answer = client.get(reverse(name, args=["en"]))
        assert answer.status_code == 200
        text = " ".join(ElementTree.fromstring(answer.content).itertext())
        assert "AB" in text
        assert "CD" in text


def test_control_characters_are_refused_in_an_article(db):
    form = ArticleForm(
        {"title": "A\x0bB", "description": "C\x01", "image_alt": "D\x1fE", "body": "<p>E\x0bF</p>"}
    )
    assert {"title", "description", "image_alt"} <= set(form.errors)
    assert form.errors["title"] == ["There are control characters in it. Remove them."]
    assert form.cleaned_data["body"] == "<p>EF</p>"


def test_pictures_of_other_sites_wait_for_a_click(owner, client_of):
    message = MessageFactory(owner=owner, body='<p>x</p><img src="https://spy.example/pixel.gif">')
    browser = client_of(owner)
    page = reverse("message_preview", args=[message.pk])
    frame = f"{page}html/"
    html = browser.get(page).content.decode()
    assert f'src="{frame}"' in html
    assert f'href="{page}?pictures=1"' in html
    assert "img-src 'self' data:;" in browser.get(frame)["Content-Security-Policy"] + ";"
    asked = browser.get(f"{page}?pictures=1").content.decode()
    assert f'src="{frame}?pictures=1"' in asked
    answer = browser.get(f"{frame}?pictures=1")
    assert "img-src 'self' https: data:;" in answer["Content-Security-Policy"] + ";"
    assert answer["Referrer-Policy"] == "no-referrer"


def test_a_refusal_is_one_line_in_the_log(owner, client_of, caplog):
    client_of(owner).get("/users/")
    [record] = [record for record in caplog.records if record.name == "django.request"]
    assert NoTraceOfRefusals().filter(record)
    line = logging.Formatter("%(levelname)s %(name)s: %(message)s").format(record)
    assert line == "WARNING django.request: Forbidden (Permission denied): /users/"
    config: Any = settings.LOGGING
    kinds = {config["filters"][name]["()"] for name in config["handlers"]["console"]["filters"]}
    assert "site_config.logs.NoTraceOfRefusals" in kinds
    assert config["loggers"]["django"] == {"handlers": ["console"], "level": "WARNING", "propagate": False}


def test_an_error_keeps_its_trace():
    record = logging.makeLogRecord({"status_code": 500, "exc_info": (ValueError, ValueError("x"), None)})
    NoTraceOfRefusals().filter(record)
    assert record.exc_info


def test_pages_go_out_compressed_and_exports_as_they_are(owner, client_of):
    ClientFactory(owner=owner, email="anna@example.org")
    browser, asked = client_of(owner), {"Accept-Encoding": "gzip"}
    page, export = browser.get("/clients/", headers=asked), browser.get("/clients/export/", headers=asked)
    assert (page["Content-Encoding"], export.has_header("Content-Encoding")) == ("gzip", False)
    assert b"anna@example.org" in gzip.decompress(page.content)
    assert b"anna@example.org" in b"".join(export)
