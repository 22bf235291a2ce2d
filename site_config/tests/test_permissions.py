"""Who may do what: every URL × every role × GET and POST × plain and htmx.

The table is testing/permissions.py; docs/permissions.md shows it and is held up to date here:
`UPDATE_DOCS=1 pytest site_config/tests/test_permissions.py` writes it anew.
"""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import transaction
from django.db.models import F
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from people.models import User
from testing.factories import UserFactory
from testing.pages import DIALOG
from testing.permissions import ROLES, TABLE, address, as_markdown

DOCS = settings.BASE_DIR / "docs" / "permissions.md"


def url_names(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from url_names(pattern.url_patterns, inner)
        else:
            yield f"{space}{pattern.name or pattern.pattern}"


def test_the_table_names_every_url_of_the_site():
    names = {name for name in url_names(get_resolver().url_patterns) if not name.startswith("admin:")}
    assert names == set(TABLE)


def test_the_table_in_the_documentation_is_this_one():
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(as_markdown(), encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8") == as_markdown()


@pytest.fixture
def users(owner, stranger, manager, superuser):
    editor = UserFactory(email="editor@example.com", is_staff=True)
    editor.groups.add(Group.objects.get(name="Content manager"))
    return {
        "anonymous": None,
        "owner": owner,
        "other user": stranger,
        "manager": manager,
        "content manager": editor,
        "superuser": superuser,
        "blocked owner": owner,
    }


def outcome(method: str, answer: HttpResponse) -> str:
    """What an answer means, the same for a plain browser and for htmx."""
    place = answer.get("Location") or answer.get("HX-Redirect") or ""
    if place.startswith("/accounts/login/"):
        return "log in"
    if answer.status_code in (403, 404, 405):
        return str(answer.status_code)
    form = (getattr(answer, "context", None) or {}).get("form")
    if answer.status_code == 422 or (method == "post" and getattr(form, "errors", None)):
        return "invalid"
    assert answer.status_code in (200, 204, 302), answer.status_code
    if method == "get":
        return "elsewhere" if place else "page"
    return "done"


@pytest.fixture
def sessions(users):
    """The session of each role: logging in for each request took a quarter of the time."""
    found = dict.fromkeys(users, "")
    for role, user in users.items():
        if user:
            browser = Browser()
            browser.force_login(user)
            found[role] = browser.cookies["sessionid"].value
    return found


def ask(session: str, method: str, url: str, *, headers: dict[str, str], blocked: User | None) -> str:
    """What a user gets; what the request did is undone."""
    cache.clear()
    with transaction.atomic():
        browser = Browser()
        if session:
            browser.cookies["sessionid"] = session
        if blocked:
            User.objects.filter(pk=blocked.pk).update(
                is_active=False, session_generation=F("session_generation") + 1
            )
        answer = getattr(browser, method)(url, headers=headers)
        transaction.set_rollback(True)
    return outcome(method, answer)


@pytest.mark.parametrize("name", TABLE)
def test_every_url_for_every_role(name, users, sessions, arguments):
    url = address(name, arguments)
    for headers in ({}, DIALOG):
        found = {
            method: tuple(
                ask(
                    sessions[role],
                    method,
                    url,
                    headers=headers,
                    blocked=users[role] if role == "blocked owner" else None,
                )
                for role in ROLES
            )
            for method in ("get", "post")
        }
        assert found == {"get": TABLE[name].get, "post": TABLE[name].post}, headers


def test_the_administration_is_for_the_staff(users):
    names = [name for name in url_names(get_resolver().url_patterns) if name.startswith("admin:")]
    assert len(names) > 20
    for name in names:
        if name in ("admin:login", "admin:logout"):  # they lead to the site's own
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue  # of one row: the list beside it is asked
        for role in ("anonymous", "owner", "other user", "manager", "blocked owner"):
            for method in ("get", "post"):
                with transaction.atomic():
                    browser = Browser()
                    if role == "blocked owner":
                        User.objects.filter(pk=users[role].pk).update(is_active=False)
                    if users[role]:
                        browser.force_login(users[role])
                    answer = getattr(browser, method)(url)
                    assert answer.status_code == 302, (name, role)
                    assert answer["Location"].startswith("/admin/login/"), (name, role)
                    transaction.set_rollback(True)


def test_the_content_manager_administers_the_blog_and_nothing_else(users, client_of):
    browser = client_of(users["content manager"])
    assert browser.get("/admin/").status_code == 200
    for url in ("/admin/people/user/", "/admin/people/auditentry/", "/admin/auth/group/"):
        assert browser.get(url).status_code == 403


def test_roles_can_be_given_in_the_administration(users, client_of):
    browser = client_of(users["superuser"])
    url = reverse("admin:people_user_change", args=[users["other user"].pk])
    role = Group.objects.get(name="Manager")
    form = browser.get(url).context["adminform"].form
    data = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    answer = browser.post(url, {**data, "groups": [role.pk]})
    assert answer.status_code == 302
    assert list(users["other user"].groups.all()) == [role]
    assert client_of(users["other user"]).get("/users/").status_code == 200
    assert browser.get(reverse("admin:people_user_add")).status_code == 200
