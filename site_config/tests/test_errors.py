"""Errors are pages of the site, in its look and language."""

import pytest


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/no-such-page/", "/mailings/999999/"])
def test_what_is_not_there_is_said_in_the_look_of_the_site(path, debug, owner, client_of, settings):
    settings.DEBUG = debug
    page = client_of(owner).get(path, headers={"accept-language": "ru"})
    assert page.status_code == 404
    assert "Страница не найдена" in page.content.decode()
    assert "site.css" in page.content.decode()
    assert "urlconf" not in page.content.decode().lower()


def test_a_slash_is_still_appended_while_debug(client, settings, db):
    settings.DEBUG = True
    assert client.get("/blog").status_code == 301
