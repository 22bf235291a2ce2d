"""The administration keeps the account's protections, and who comes in, or tries to, is recorded."""

from io import StringIO

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse

from people import access
from people.accounts import mark_verified
from people.models import AuditEntry, User
from testing.accounts import LOGIN
from testing.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)  # emails leave on commit


def entries(*actions):
    rows = AuditEntry.objects.order_by("pk")
    if actions:
        rows = rows.filter(action__in=actions)
    return list(rows.values_list("action", "actor", "target", "detail", "address"))


def filled(browser, url):
    """The form of an admin page as it stands there."""
    form = browser.get(url).context["adminform"].form
    return {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}


@pytest.fixture
def editor(roles):
    user = UserFactory(email="editor@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name="Content manager"))
    return user


def test_the_admin_s_own_password_page_is_the_account_s(editor, superuser, client_of):
    for user in (editor, superuser):
        browser = client_of(user)
        for n in range(25):
            answer = browser.post("/admin/password_change/", {"old_password": f"guess-{n}"})
            assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/change/")
        assert browser.get("/admin/password_change/done/")["Location"] == "/accounts/password/change/"
    for own in (superuser.pk, f"0{superuser.pk}"):
        url = reverse("admin:auth_user_password_change", args=[own])
        assert client_of(superuser).post(url, {})["Location"] == "/accounts/password/change/"


def test_a_password_set_by_an_administrator_is_recorded_and_told(owner, superuser, client_of):
    theirs = client_of(owner)
    url = reverse("admin:auth_user_password_change", args=[owner.pk])
    browser = client_of(superuser)
    wrong = browser.post(url, {"password1": "1", "password2": "2", "usable_password": "true"})
    assert wrong.status_code == 200
    assert entries() == []
    new = {"password1": "new-horse-77", "password2": "new-horse-77", "usable_password": "true"}
    assert browser.post(url, new).status_code == 302
    assert entries() == [
        ("password_changed", "admin@example.com", "owner@example.com", "", "127.0.0.1"),
    ]
    [message] = mail.outbox
    assert (message.to, message.subject) == (["owner@example.com"], "Your password was changed")
    assert "An administrator of this service set a new password" in message.body
    assert theirs.get("/mailings/").status_code == 302
    for odd in ("x", "0", "99999"):
        assert browser.get(f"/admin/people/user/{odd}/password/").status_code in (302, 404)


def test_what_a_user_may_do_is_recorded_whoever_changes_it(roles, owner, superuser, client_of):
    browser = client_of(superuser)
    role = Group.objects.get(name="Manager")
    url = reverse("admin:people_user_change", args=[owner.pk])
    permission = Permission.objects.get(codename="block_user")
    changed = {
        "is_superuser": "on",
        "is_staff": "on",
        "groups": [role.pk],
        "user_permissions": [permission.pk],
    }
    assert browser.post(url, {**filled(browser, url), **changed}).status_code == 302
    assert (
        browser.post(url, {**filled(browser, url), "groups": [], "user_permissions": []}).status_code == 302
    )
    edit = reverse("user_edit", args=[owner.pk])
    form = {"email": owner.email, "time_zone": "UTC", "language": "en", "name": "Olga", "company": ""}
    assert browser.post(edit, {**form, "groups": [role.pk]}).status_code == 302
    assert browser.post(edit, {**form, "groups": [role.pk]}).status_code == 302
    details = [detail for _action, _actor, _target, detail, _from in entries("access_changed")]
    assert details == [
        "+superuser, +staff",
        "+Manager",
        "+block_user",
        "−Manager",
        "−block_user",
        "+Manager",
    ]
    assert {who for _action, who, *_rest in entries("access_changed")} == {"admin@example.com"}


def at_the_machine(*actions):
    found = entries(*actions)
    assert all(actor.endswith(" (manage.py)") and address is None for _a, actor, *_t, address in found)
    return [(action, target, detail) for action, _actor, target, detail, _address in found]


def test_what_commands_do_to_accounts_is_recorded(owner, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-good-password-42")
    call_command("createsuperuser", interactive=False, email="root@example.com", verbosity=0)
    monkeypatch.setattr("getpass.getpass", lambda *_args, **_kwargs: "another-horse-43")
    call_command("changepassword", "owner@example.com", stdout=StringIO())
    owner.refresh_from_db()
    assert owner.check_password("another-horse-43")
    assert at_the_machine() == [
        ("user_created", "root@example.com", "superuser"),
        ("password_changed", "owner@example.com", ""),
    ]


def test_what_a_shell_does_to_rights_is_recorded(roles, owner, stranger):
    role, other = Group.objects.get(name="Manager"), Group.objects.get(name="Content manager")
    owner.is_superuser = True
    owner.save()
    owner.save()
    User.objects.filter(pk=owner.pk).get().save(update_fields=["name"])
    owner.is_superuser = False
    owner.set_unusable_password()
    owner.save(update_fields=["is_superuser", "password"])
    role.user_set.add(owner, stranger)
    role.user_set.add(owner)
    owner.groups.set([other])
    owner.groups.clear()
    permission = Permission.objects.get(codename="view_article")
    permission.group_set.remove(other)
    role.permissions.clear()
    role.delete()
    assert at_the_machine() == [
        ("access_changed", "owner@example.com", "+superuser"),
        ("access_changed", "owner@example.com", "−superuser"),
        ("password_changed", "owner@example.com", ""),
        ("access_changed", "owner@example.com", "+Manager"),
        ("access_changed", "stranger@example.com", "+Manager"),
        ("access_changed", "owner@example.com", "−Manager"),
        ("access_changed", "owner@example.com", "+Content manager"),
        ("access_changed", "owner@example.com", "−Content manager"),
        ("role_changed", "Content manager", "−view_article"),
        (
            "role_changed",
            "Manager",
            "−block_user, −disable_mailing, −see_all_mailings, −see_all_users, −view_auditentry",
        ),
        ("access_changed", "stranger@example.com", "−Manager"),
    ]


def test_a_hash_that_is_brought_up_to_date_is_no_change_of_password(verified, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    before = verified.password
    assert Browser().post(LOGIN, {"login": verified.email, "password": PASSWORD}).status_code == 302
    verified.refresh_from_db()
    assert verified.password != before
    assert [action for action, *_rest in entries()] == ["logged_in"]


def test_what_a_role_may_do_is_recorded(roles, superuser, client_of):
    browser = client_of(superuser)
    role = Group.objects.get(name="Content manager")
    url = reverse("admin:auth_group_change", args=[role.pk])
    permission = Permission.objects.get(codename="block_user")
    given = [*role.permissions.values_list("pk", flat=True), permission.pk]
    browser.post(url, {"name": role.name, "permissions": given})
    browser.post(url, {"name": role.name, "permissions": [permission.pk]})
    browser.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"})
    browser.post(reverse("admin:auth_group_add"), {"name": "New", "permissions": [permission.pk]})
    news = {
        "action": "delete_selected",
        "_selected_action": [Group.objects.get(name="New").pk],
        "post": "yes",
    }
    browser.post(reverse("admin:auth_group_changelist"), news)
    went = ", ".join(f"−{what}_article" for what in ("add", "change", "delete", "view"))
    assert [(target, detail) for _what, _who, target, detail, _from in entries("role_changed")] == [
        ("Content manager", "+block_user"),
        ("Content manager", went),
        ("Content manager", "−block_user"),
        ("New", "+block_user"),
        ("New", "−block_user"),
    ]


def test_no_secret_is_registered_in_the_administration(superuser, client_of):
    names = {model._meta.label for model in apps.get_models() if admin.site.is_registered(model)}
    assert names == {"auth.Group", "people.User", "people.AuditEntry", "content.Article"} | {
        name for name in names if name.startswith("mailer.")
    }
    for path in ("mfa/authenticator", "account/emailaddress", "usersessions/usersession"):
        assert client_of(superuser).get(f"/admin/{path}/").status_code == 404


def test_every_log_in_is_recorded_with_where_it_came_from(verified, manager):
    def attempt(email, password, address):
        browser = Browser(REMOTE_ADDR=address)
        return browser.post(LOGIN, {"login": email, "password": password})

    attempt("owner@example.com", "wrong", "10.0.0.1")
    attempt("nobody@example.com", "wrong", "10.0.0.2")
    attempt("OWNER@example.com", PASSWORD, "10.0.0.3")
    access.block(user=verified, by=manager, reason="spam")
    attempt("owner@example.com", PASSWORD, "10.0.0.4")
    assert entries("logged_in", "login_failed") == [
        ("login_failed", "", "owner@example.com", "wrong password", "10.0.0.1"),
        ("login_failed", "", "nobody@example.com", "wrong password", "10.0.0.2"),
        ("logged_in", "owner@example.com", "owner@example.com", "", "10.0.0.3"),
        ("login_failed", "", "owner@example.com", "blocked", "10.0.0.4"),
    ]
    assert list(AuditEntry.objects.filter(action="login_failed").values_list("target_id", flat=True)) == [
        verified.pk,
        None,
        verified.pk,
    ]


def test_managers_read_why_a_log_in_failed_in_their_language(verified, manager, client_of):
    Browser().post(LOGIN, {"login": "owner@example.com", "password": "wrong"})
    User.objects.filter(pk=manager.pk).update(language="ru")
    assert "неверный пароль" in client_of(manager).get("/audit/?action=login_failed").content.decode()


def test_the_first_superuser_of_a_new_installation_is_not_locked_out(superuser):
    mark_verified(superuser)
    assert Browser().post(LOGIN, {"login": superuser.email, "password": PASSWORD}).status_code == 302
