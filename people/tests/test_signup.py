"""Who may have an account, and what they may call themselves."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse

from people.models import AuditEntry, User
from people.validators import validate_display_name
from testing.accounts import SIGNUP, link_in
from testing.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)  # emails leave on commit
NEW = {
    "name": "Nina New",
    "email": "nina@example.com",
    "password1": "correct-horse-7",
    "password2": "correct-horse-7",
    "time_zone": "Asia/Tokyo",
}


def log_in():
    return Browser().post("/accounts/login/", {"login": NEW["email"], "password": NEW["password1"]})


def register():
    browser = Browser()
    browser.post(SIGNUP, NEW)
    return browser, browser.post(link_in(mail.outbox[0]))


@pytest.mark.parametrize("how", ["invite", "closed"])
def test_nobody_registers_by_themselves(how, settings):
    settings.SIGNUP = how
    answer = Browser().post(SIGNUP, NEW)
    assert b"Nobody can register here" in answer.content
    assert not User.objects.exists()
    for url in ("/", "/accounts/login/"):
        assert SIGNUP.encode() not in Browser().get(url).content


def test_open_lets_in_at_once(settings):
    settings.SIGNUP = "open"
    browser, _answer = register()
    assert browser.get("/mailings/").status_code == 200
    assert SIGNUP.encode() in Browser().get("/").content


def test_review_waits_for_a_manager(settings, manager, client_of):
    settings.SIGNUP = "review"
    browser, answer = register()
    assert answer.status_code == 403
    assert b"Your account is waiting for approval" in answer.content
    assert EmailAddress.objects.get(email="nina@example.com").verified
    assert browser.get("/mailings/").status_code == 302
    assert log_in().status_code == 403
    user = User.objects.get(email="nina@example.com")
    watcher = client_of(manager)
    rows = watcher.get("/users/?state=waiting").context["table"].page.object_list
    assert [row.record for row in rows] == [user]
    admit = reverse("user_admit", args=[user.pk])
    assert admit in watcher.get("/users/").content.decode()
    for _twice in range(2):
        assert watcher.post(admit).status_code == 302
    assert [message.subject for message in mail.outbox[1:]] == ["Your account is open"]
    assert AuditEntry.objects.filter(action="user_admitted").get().actor == "manager@example.com"
    assert log_in().status_code == 302
    assert admit not in watcher.get("/users/").content.decode()


def test_review_proves_the_address_first(settings):
    settings.SIGNUP = "review"
    Browser().post(SIGNUP, NEW)
    assert log_in()["Location"] == "/accounts/confirm-email/"


def test_who_waits_cannot_come_in_by_a_new_password(settings):
    settings.SIGNUP = "review"
    browser, _answer = register()
    browser.post("/accounts/password/reset/", {"email": NEW["email"]})
    form = browser.get(link_in(mail.outbox[-1]))["Location"]
    browser.post(form, {"password1": "new-horse-77", "password2": "new-horse-77"})
    assert browser.get("/mailings/").status_code == 302


def test_the_row_of_the_table_comes_back_to_htmx(settings, manager, client_of, owner):
    User.objects.filter(pk=owner.pk).update(waiting=True)
    headers = {"HX-Request": "true", "HX-Target": f"user-{owner.pk}"}
    answer = client_of(manager).post(reverse("user_admit", args=[owner.pk]), headers=headers)
    assert b"<tr" in answer.content
    assert b"active" in answer.content


def test_users_and_strangers_let_nobody_in(owner, stranger, client_of):
    User.objects.filter(pk=owner.pk).update(waiting=True)
    assert client_of(stranger).post(reverse("user_admit", args=[owner.pk])).status_code == 403
    assert Browser().post(reverse("user_admit", args=[owner.pk])).status_code == 302
    owner.refresh_from_db()
    assert owner.waiting


def test_managers_invite_where_that_is_the_only_way_but_give_no_roles(settings, manager, client_of):
    form = {"email": "new@example.com", "time_zone": "UTC", "language": "en", "name": "", "company": ""}
    role = Group.objects.get(name="Manager").pk
    assert client_of(manager).post("/users/new/", form).status_code == 403
    settings.SIGNUP = "invite"
    assert client_of(manager).post("/users/new/", {**form, "groups": [role]}).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (list(user.groups.all()), user.waiting) == ([], False)
    assert [message.subject for message in mail.outbox] == ["An account was created for you"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("service@bank.example", "at"),
        ("service＠bank.example", "at"),
        ("service﹫bank", "at"),
        ("Mailings", "reserved"),
        ("MAILINGS Support", "reserved"),
        ("Mai1ings", "reserved"),
        ("MaiIings team", "reserved"),
        ("Ｍａｉｌｉｎｇｓ", "reserved"),
        ("Màilings", "reserved"),
        ("Maılings", "reserved"),
        ("Mɑilings", "reserved"),
        ("ᴍᴀɪʟɪɴɢꜱ", "reserved"),
        ("Mai|ings", "reserved"),
        ("Mail-ings", "reserved"),
        ("M a i l i n g s", "reserved"),
        ("The Mailin9s", "reserved"),
        ("rnailings", "reserved"),
        ("Рассыл.ки", "reserved"),
        ("Рассылки", "reserved"),
        ("Служба «Рассылки»", "reserved"),
        ("Маilings", "mixed"),
        ("Exаmple Bank", "mixed"),
        ("Οlga", "mixed"),
        ("Ꮇailings", "mixed"),
        ("Ⲙailings", "mixed"),
        ("ꓟailings", "mixed"),
        ("Example\u200bBank", "invisible"),
        ("\u202eknaB", "control"),
        ("a\r\nBcc: x", "control"),
        ("a\x0bb", "control"),
    ],
)
def test_names_that_would_pass_for_somebody_else(name, code, owner, client_of):
    with pytest.raises(ValidationError) as refused:
        validate_display_name(name)
    assert refused.value.code == code
    Browser().post(SIGNUP, {**NEW, "name": name})
    assert not User.objects.filter(email=NEW["email"]).exists()
    profile = {"name": name, "company": "", "time_zone": "UTC", "language": "en"}
    assert list(client_of(owner).post("/accounts/profile/", profile).context["form"].errors) == ["name"]


@pytest.mark.parametrize(
    "name",
    [
        "Olga Owner",
        "Анна Петрова",
        "ООО «Ромашка» IT-отдел",
        "Müller & Söhne",
        "李小龍",
        "O'Neil 3rd",
        "Μαρία",
        "Mai Ling Wong",
        "Oʻzbekiston",
        "日本ABC株式会社",
        "บริษัทABC",
        "",
    ],
)
def test_names_of_people_and_firms(name):
    validate_display_name(name)


def test_the_first_superuser_needs_nobody_to_let_them_in(settings, superuser):
    settings.SIGNUP = "review"
    answer = Browser().post("/accounts/login/", {"login": superuser.email, "password": PASSWORD})
    assert answer.status_code == 302
