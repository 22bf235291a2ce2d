"""The administration of owners' rows: for superusers, and by the functions that owners' pages use."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.models import Attempt, Client, ClientGroup, Mailing, Message
from people.models import AuditEntry
from site_config.ui import counting
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client_of):
    return client_of(UserFactory(email="admin@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def data(owner):
    start = timezone.now() + timedelta(days=1)
    return {
        "owner": owner.pk,
        "message": MessageFactory(owner=owner).pk,
        "clients": str(ClientFactory(owner=owner).pk),
        "groups": "",
        "period": "daily",
        "starts_at_0": f"{start:%Y-%m-%d}",
        "starts_at_1": "09:00:00",
        "ends_at_0": f"{start + timedelta(days=9):%Y-%m-%d}",
        "ends_at_1": "09:00:00",
        "time_zone": "Europe/Moscow",
    }


def test_every_list_and_row_is_shown(browser, owner):
    group = ClientGroupFactory(owner=owner)
    delivery = DeliveryFactory(attempt=AttemptFactory(mailing=MailingFactory(message__owner=owner)))
    rows = [group, delivery, delivery.client, delivery.attempt, delivery.attempt.mailing]
    for row in (*rows, delivery.attempt.mailing.message):
        name = row._meta.model_name
        assert browser.get(reverse(f"admin:mailer_{name}_changelist")).status_code == 200
        assert browser.get(reverse(f"admin:mailer_{name}_change", args=[row.pk])).status_code == 200


def test_a_group_is_shown_saved_and_deleted_without_its_clients(browser, owner):
    group = ClientGroupFactory(owner=owner)
    members = ClientFactory.create_batch(3, owner=owner)
    group.clients.set(members)
    url = reverse("admin:mailer_clientgroup_change", args=[group.pk])
    html = browser.get(url).content.decode()
    assert '<div class="readonly">3</div>' in html
    assert f"{members[0].pk},{members[1].pk}" not in html
    assert browser.post(url, {"name": "Renamed", "owner": owner.pk}).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.clients.count()) == ("Renamed", 3)
    url = reverse("admin:mailer_clientgroup_delete", args=[group.pk])
    assert members[0].email not in browser.get(url).content.decode()
    assert browser.post(url, {"post": "yes"}).status_code == 302
    assert not ClientGroup.objects.exists()
    assert Client.objects.count() == 3


def test_a_list_of_all_owners_rows_ends_where_it_is_not_counted(browser, monkeypatch):
    monkeypatch.setattr(counting, "LIMIT", 5)
    ClientFactory.create_batch(7)
    answer = browser.get(reverse("admin:mailer_client_changelist"))
    assert answer.context["cl"].result_count == 5
    assert (
        browser.get(reverse("admin:mailer_client_changelist") + "?q=nobody").context["cl"].result_count == 0
    )


def test_a_mailing_saved_here_is_planned_and_recorded(browser, data):
    assert browser.post(reverse("admin:mailer_mailing_add"), data).status_code == 302
    mailing = Mailing.objects.get()
    assert mailing.next_run_at == mailing.starts_at
    assert mailing.clients.count() == 1
    assert AuditEntry.objects.get().actor == "admin@example.com"


def test_an_edit_here_plans_anew_and_leaves_the_switches_alone(browser, data, owner):
    mailing = MailingFactory(owner=owner, message_id=data["message"])
    Mailing.objects.filter(pk=mailing.pk).update(disabled_at=timezone.now(), disabled_reason="spam")
    answer = browser.post(reverse("admin:mailer_mailing_change", args=[mailing.pk]), data)
    assert answer.status_code == 302
    mailing.refresh_from_db()
    assert (mailing.period, mailing.disabled_reason) == ("daily", "spam")
    assert mailing.next_run_at == mailing.starts_at


def test_rows_of_another_owner_and_bad_merge_fields_are_refused(browser, data, stranger, owner):
    foreign = ClientFactory(owner=stranger)
    answer = browser.post(reverse("admin:mailer_mailing_add"), {**data, "clients": str(foreign.pk)})
    errors = answer.context["adminform"].form.errors
    assert errors == {"clients": ["This belongs to a different owner than the mailing."]}
    bad = {"owner": owner.pk, "subject": "{{ nobody }}", "format": "html", "body": "x"}
    answer = browser.post(reverse("admin:mailer_message_add"), bad)
    assert set(answer.context["adminform"].form.errors) == {"subject"}
    assert (Mailing.objects.count(), Message.objects.count()) == (0, 1)


def test_a_mailing_is_deleted_with_its_reports_and_the_ledger_cannot_be_touched(browser, owner):
    mailing = MailingFactory(message__owner=owner)
    attempt = AttemptFactory(mailing=mailing)
    assert browser.post(reverse("admin:mailer_attempt_delete", args=[attempt.pk])).status_code == 403
    url = reverse("admin:mailer_mailing_delete", args=[mailing.pk])
    page = browser.get(url)
    assert page.status_code == 200
    browser.post(url, {"post": "yes"})
    assert (Mailing.objects.count(), Attempt.objects.count()) == (0, 0)


def test_the_administration_has_the_site_s_icon(browser):
    for url in ("/admin/", reverse("admin:mailer_mailing_add"), "/admin/login/"):
        assert (
            '<link rel="icon" href="/static/img/icon.svg"' in browser.get(url, follow=True).content.decode()
        )
