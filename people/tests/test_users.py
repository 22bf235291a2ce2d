"""The manager's table of users: see, block, unblock; create, edit and delete for superusers."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mailer.models import Mailing
from people import access
from people.forms.users import UserForm
from people.models import AuditEntry, User
from testing.factories import PASSWORD, MailingFactory, UserFactory
from testing.pages import DIALOG, REGION, flat

REASON = {"reason": "Sends what nobody asked for"}


def shown(answer):
    return {row.record.email for row in answer.context["table"].page.object_list}


def block_url(user):
    return reverse("user_block", args=[user.pk])


def unblock_url(user):
    return reverse("user_unblock", args=[user.pk])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"owner@example.com", "stranger@example.com", "manager@example.com"}),
        ("q=OLGA", {"owner@example.com"}),
        ("q=stranger@", {"stranger@example.com"}),
        ("q=acme", {"stranger@example.com"}),
        ("q=%00", set()),
        ("state=active", {"owner@example.com", "manager@example.com"}),
        ("state=blocked", {"stranger@example.com"}),
        ("role={manager}", {"manager@example.com"}),
        ("role=99999999999999999999", set()),
    ],
)
def test_the_filter_of_users(query, found, owner, stranger, manager, client_of):
    User.objects.filter(pk=stranger.pk).update(is_active=False, company="ACME <b>")
    role = Group.objects.get(name="Manager").pk
    answer = client_of(manager).get(f"/users/?{query.format(manager=role)}")
    assert shown(answer) == found
    assert "ACME <b>" not in answer.content.decode()


def test_one_user_and_thirty_cost_the_same(manager, client_of):
    browser = client_of(manager)

    def count(rows):
        with CaptureQueriesContext(connection) as captured:
            assert len(shown(browser.get("/users/"))) == rows
        return len(captured)

    before = count(1)
    for user in UserFactory.create_batch(29):
        user.groups.add(Group.objects.get(name="Manager"))
    assert count(25) == before == 8  # session, user, 2 × permissions, roles to filter by, count, rows, roles


def test_block_in_one_browser_logs_the_other_one_out(verified, manager, client_of):
    here, other, watching = client_of(verified), Browser(), client_of(manager)
    other.post("/accounts/login/", {"login": verified.email, "password": PASSWORD})
    assert [b.get("/mailings/").status_code for b in (here, other)] == [200, 200]

    assert b"Block owner@example.com?" in watching.get(block_url(verified), headers=DIALOG).content
    answer = watching.post(block_url(verified), REASON, headers=DIALOG)
    assert answer.status_code == 200
    assert answer.content.strip().startswith(f'<tr id="user-{verified.pk}"'.encode())
    assert answer["HX-Retarget"] == f"#user-{verified.pk}"
    events = json.loads(answer["HX-Trigger"])
    assert events["dialog:close"] is True
    undo = f"/users/{verified.pk}/unblock/"
    assert events["toasts"] == [{"level": "success", "text": "owner@example.com is blocked.", "undo": undo}]
    unblock = f'form="row-form" formaction="/users/{verified.pk}/unblock/"'  # the form of the table's region
    assert unblock in flat(answer)

    for browser in (here, other):
        assert browser.get("/mailings/")["Location"] == "/accounts/login/?next=/mailings/"
        fragment = browser.get("/mailings/", headers=REGION)
        assert fragment["HX-Redirect"].startswith("/accounts/login/")
    verified.refresh_from_db()
    assert (verified.is_active, verified.blocked_by, verified.blocked_reason) == (
        False,
        manager,
        REASON["reason"],
    )


def test_a_blocked_user_is_told_why_and_only_with_the_right_password(verified, manager):
    access.block(user=verified, by=manager, reason="Spam <b>")
    login = {"login": verified.email, "password": PASSWORD}
    answer = Browser().post("/accounts/login/", login)
    assert answer.status_code == 403
    assert "Spam &lt;b&gt;" in answer.content.decode()
    wrong = Browser().post("/accounts/login/", {**login, "password": "wrong"})
    assert (wrong.status_code, "Spam" in wrong.content.decode()) == (200, False)
    Browser().post("/accounts/password/reset/", {"email": verified.email})
    assert mail.outbox == []


def test_old_sessions_stay_dead_after_unblocking(verified, manager, client_of):
    browser = client_of(verified)
    access.block(user=verified, by=manager, reason="x")
    access.unblock(user=verified, by=manager)
    assert browser.get("/mailings/").status_code == 302
    login = {"login": verified.email, "password": PASSWORD}
    assert browser.post("/accounts/login/", login)["Location"] == "/start/"


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_nobody_blocks_a_superuser_or_themselves(headers, manager, superuser, client_of):
    browser = client_of(manager)
    for user in (manager, superuser):
        assert browser.get(block_url(user), headers=headers).status_code == 403
        assert browser.post(block_url(user), REASON, headers=headers).status_code == 403
        assert browser.post(unblock_url(user), headers=headers).status_code == 403
        with pytest.raises(access.NotAllowed):
            access.block(user=user, by=manager, reason="x")
    assert client_of(superuser).post(block_url(superuser), REASON).status_code == 403
    assert User.objects.filter(is_active=True).count() == 2
    assert not AuditEntry.objects.exists()


def test_twice_is_once(owner, manager, superuser, client_of):
    assert client_of(manager).post(block_url(owner), REASON)["Location"] == "/users/"
    assert client_of(superuser).post(block_url(owner), {"reason": "Mine"})["Location"] == "/users/"
    owner.refresh_from_db()
    assert (owner.blocked_by, owner.blocked_reason, owner.session_generation) == (
        manager,
        REASON["reason"],
        1,
    )
    target = {"HX-Request": "true", "HX-Target": f"user-{owner.pk}"}
    for _ in range(2):
        row = client_of(manager).post(unblock_url(owner), headers=target)
        assert row.content.strip().startswith(b"<tr")
    owner.refresh_from_db()
    assert (owner.is_active, owner.blocked_reason) == (True, "")
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "target", "detail")) == [
        ("manager@example.com", "user_blocked", "owner@example.com", REASON["reason"]),
        ("manager@example.com", "user_unblocked", "owner@example.com", ""),
    ]


@pytest.mark.django_db(transaction=True)
def test_two_managers_at_the_same_instant(owner, manager, superuser):
    start = Barrier(2)

    def block(by):
        try:
            start.wait()
            return access.block(user=owner, by=by, reason="x")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(block, [manager, superuser])) == [False, True]
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("", "This field is required."),
        ("x" * 501, "Ensure this value has at most 500 characters (it has 501)."),
        ("a\r\nb", "Line breaks and control characters are not allowed here."),
    ],
)
@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_block_needs_a_reason(reason, says, headers, owner, manager, client_of):
    answer = client_of(manager).post(block_url(owner), {"reason": reason}, headers=headers)
    assert answer.status_code == 422
    assert answer.context["form"].errors["reason"] == [says]
    assert (b"<html" in answer.content) is not bool(headers)
    owner.refresh_from_db()
    assert owner.is_active


def test_the_table_offers_what_may_be_done(owner, manager, superuser, client_of):
    html = client_of(manager).get("/users/?q=owner@").content.decode()
    assert set(re.findall(rf'id="user-{owner.pk}-(\w+)"', html)) == {"more", "menu", "allowance", "block"}
    html = client_of(superuser).get("/users/?q=admin@").content.decode()
    assert re.findall(r'id="(user-\d+-\w+)"', html) == [f"user-{superuser.pk}-edit"]


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_manager_sets_an_allowance_in_the_table(headers, owner, manager, client_of):
    browser = client_of(manager)
    url = reverse("user_allowance", args=[owner.pk])
    User.objects.filter(pk=owner.pk).update(mails_per_day=200)
    assert browser.get(url, headers=headers).context["form"].initial == {"mails": 200}
    for given, kept, shown_as in (("1000", 1000, "1,000"), ("", None, "no limit"), ("", None, "no limit")):
        answer = browser.post(url, {"mails": given}, headers=headers)
        assert answer.status_code == (200 if headers else 302)
        if headers:
            assert (answer["HX-Retarget"], shown_as in answer.content.decode()) == (f"#user-{owner.pk}", True)
        assert User.objects.get(pk=owner.pk).mails_per_day == kept
    for wrong in ("0", "-1", "1.5", "many", "1" * 30, "<b>1</b>"):
        answer = browser.post(url, {"mails": wrong}, headers=headers)
        assert (answer.status_code, bool(answer.context["form"].errors["mails"])) == (422, True)
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "detail")) == [
        ("allowance_set", "200 → 1000"),
        ("allowance_set", "1000 → ∞"),
    ]


def test_nobody_sets_the_allowance_of_a_superuser_or_their_own(owner, manager, superuser, client_of):
    for user, by, status in (
        (superuser, manager, 403),
        (manager, manager, 403),
        (owner, owner, 403),
        (manager, superuser, 302),
        (superuser, superuser, 403),
    ):
        answer = client_of(by).post(reverse("user_allowance", args=[user.pk]), {"mails": "5"})
        assert answer.status_code == status
    assert dict(User.objects.values_list("email", "mails_per_day")) == {
        "owner@example.com": None,
        "manager@example.com": 5,
        "admin@example.com": None,
    }


def test_without_a_guard_there_is_no_allowance_to_see(owner, manager, client_of, settings):
    assert "Mails a day" in client_of(manager).get("/users/").content.decode()
    settings.GUARD = False
    page = client_of(manager).get("/users/").content.decode()
    assert ("Mails a day" in page, "/allowance/" in page) == (False, False)


FORM = {
    "email": "Nina@Example.com",
    "name": "Nina",
    "company": "ACME",
    "time_zone": "Asia/Tokyo",
    "language": "ru",
}


@pytest.mark.django_db(transaction=True)
def test_a_superuser_makes_a_user_who_sets_a_password_by_the_link(roles, superuser, client_of):
    role = Group.objects.get(name="Manager")
    answer = client_of(superuser).post("/users/new/", {**FORM, "groups": [role.pk]})
    assert answer["Location"] == "/users/"
    user = User.objects.get(email="nina@example.com")
    assert (user.name, user.company, user.time_zone, user.language) == ("Nina", "ACME", "Asia/Tokyo", "ru")
    assert list(user.groups.all()) == [role]
    assert not user.has_usable_password()
    [message] = mail.outbox
    assert message.to == ["nina@example.com"]
    browser = Browser()
    [link] = re.findall(r"http://testserver(/accounts/password/\S+)", str(message.body))
    form = browser.get(link)["Location"]
    browser.post(form, {"password1": "correct-horse-7", "password2": "correct-horse-7"})
    login = {"login": "nina@example.com", "password": "correct-horse-7"}
    assert browser.post("/accounts/login/", login)["Location"] == "/start/"


def test_the_same_new_user_sent_twice_is_one(roles, superuser, client_of):
    browser = client_of(superuser)
    assert [browser.post("/users/new/", FORM).status_code for _ in range(2)] == [302, 422]
    assert User.objects.filter(email="nina@example.com").count() == 1


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("email", "", "This field is required."),
        ("email", "nobody", "Enter a valid email address."),
        ("email", "OWNER@example.com", "There is already an account with this email."),
        ("email", "a@example.com\r\nBcc: b@example.com", "Enter a valid email address."),
        ("name", "a\r\nb", "Line breaks and control characters are not allowed here."),
        ("name", "x" * 151, "Ensure this value has at most 150 characters (it has 151)."),
        ("time_zone", "Mars/Base", "Choose a time zone from the list"),
        ("language", "xx", "Select a valid choice."),
        ("groups", "99999999999999999999", "Select a valid choice."),
    ],
)
@pytest.mark.usefixtures("owner")
def test_bad_users(field, value, says, headers, stranger, superuser, client_of):
    for url in ("/users/new/", reverse("user_edit", args=[stranger.pk])):
        answer = client_of(superuser).post(url, {**FORM, field: value}, headers=headers)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
        assert answer.context["form"].errors[field][0].startswith(says)
    assert User.objects.count() == 3
    assert mail.outbox == []


def test_a_superuser_edits_a_user(verified, superuser, client_of):
    url = reverse("user_edit", args=[verified.pk])
    assert b"owner@example.com" in client_of(superuser).get(url, headers=DIALOG).content
    row = client_of(superuser).post(url, FORM, headers=DIALOG)
    assert row.content.strip().startswith(b"<tr")
    verified.refresh_from_db()
    assert (verified.email, verified.name) == ("nina@example.com", "Nina")
    assert [(a.email, a.verified, a.primary) for a in EmailAddress.objects.filter(user=verified)] == [
        ("nina@example.com", True, True)
    ]
    assert AuditEntry.objects.get().action == "user_edited"


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_superuser_deletes_a_user_with_all_that_is_theirs(headers, owner, superuser, client_of):
    MailingFactory(message__owner=owner)
    url = reverse("user_delete", args=[owner.pk])
    page = client_of(superuser).get(url, headers=headers).content.decode()
    assert "1 message" in page
    assert "1 mailing" in page
    answer = client_of(superuser).post(url, headers=headers)
    assert answer.status_code == (204 if headers else 302)
    assert not User.objects.filter(pk=owner.pk).exists()
    assert not Mailing.objects.exists()
    assert client_of(superuser).post(url, headers=headers).status_code == 404


def test_a_superuser_does_not_delete_themselves_here(superuser, client_of):
    url = reverse("user_delete", args=[superuser.pk])
    assert client_of(superuser).post(url).status_code == 403
    assert User.objects.count() == 1


@pytest.mark.parametrize("pk", [0, 10**9, 2**63, 10**30])
@pytest.mark.parametrize("name", ["user_block", "user_edit", "user_delete", "user_avatar"])
def test_an_id_that_cannot_be_is_not_found(name, pk, superuser, client_of):
    assert client_of(superuser).get(reverse(name, args=[pk])).status_code == 404


def test_two_superusers_make_the_same_user_at_once(superuser, client_of, monkeypatch):
    real, calls = UserForm.validate_constraints, []

    def too_early(form):
        calls.append(form)
        if len(calls) > 1:
            real(form)

    monkeypatch.setattr(UserForm, "validate_constraints", too_early)
    UserFactory(email="new@example.com")
    data = {"email": "New@example.com", "name": "", "company": "", "time_zone": "UTC", "language": "en"}
    answer = client_of(superuser).post("/users/new/", data)
    assert answer.status_code == 422
    assert answer.context["form"].errors["email"] == ["There is already an account with this email."]
