"""People put themselves on a list: asked, mailed, confirmed, with what they agreed to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailer.audience import proof_of_work
from mailer.audience.subscribing import confirm, forget_requests, household, mail_requests, shortened
from mailer.composing.unsubscribe_links import token_for
from mailer.models import (
    Attribute,
    BegunMails,
    Client,
    ClientGroup,
    Consent,
    Forgotten,
    OptOut,
    SubscriptionForm,
    SubscriptionRequest,
    Suppression,
)
from mailer.returns import forgetting
from testing.factories import ClientFactory, ClientGroupFactory
from testing.proof import solution

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def form(owner) -> SubscriptionForm:
    row = SubscriptionForm.objects.create(
        owner=owner,
        name="Site",
        title="Our news",
        language="en",
        data_wording="You may keep this.",
        ads_wording="You may advertise.",
    )
    row.groups.add(ClientGroupFactory(owner=owner, name="Readers"))
    return row


def fill(form, email="anna@example.org", *, proof=True, embedded=False, browser=None, **said):
    url = reverse("join_embed" if embedded else "join", args=[form.slug])
    data = {"email": email, "agree_data": "on", **(solution(form.slug) if proof else {}), **said}
    browser = browser or Browser(enforce_csrf_checks=True)
    return browser.post(url, {name: value for name, value in data.items() if value is not None})


def link_in(message) -> str:
    line = next(line for line in message.body.splitlines() if "/join/confirm/" in line)
    return line.partition("testserver")[2]


def joined(owner):
    return list(Client.objects.owned_by(owner).values_list("email", flat=True))


def test_the_form_names_who_sends_and_ticks_nothing(form, owner):
    answer = Browser().get(reverse("join", args=[form.slug]))
    shown = answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    for text in ("Our news", "Olga Owner", "You may keep this.", "You may advertise."):
        assert text in shown
    assert "checked" not in shown


def test_somebody_asks_confirms_and_is_on_the_list(form, owner):
    answer = fill(form, "Anna@Example.org", full_name="Anna Lee", agree_ads="on")
    assert (answer.status_code, answer["Location"]) == (302, reverse("join_sent", args=[form.slug]))
    assert "Check your email" in Browser().get(answer["Location"]).content.decode()
    assert joined(owner) == []
    (message,) = mail.outbox
    assert message.to == ["Anna@example.org"]
    url = link_in(message)
    assert "Yes, I want this mail" in Browser().get(url).content.decode()
    assert joined(owner) == []  # a scanner of mail follows links

    for _again in range(2):
        assert Browser(enforce_csrf_checks=True).post(url).status_code == 302
    client = Client.objects.get()
    assert (client.email, client.full_name) == ("Anna@example.org", "Anna Lee")
    assert [group.name for group in client.groups.all()] == ["Readers"]
    found = client.consents.order_by("kind").values_list(
        "kind", "wording", "wording_version", "source", "network"
    )
    assert list(found) == [
        ("ads", "You may advertise.", 1, "Site", "127.0.0.0/24"),
        ("data", "You may keep this.", 1, "Site", "127.0.0.0/24"),
    ]
    assert "from now on" in Browser().get(url).content.decode()


def test_the_mail_says_nothing_that_was_typed(form, owner):
    Attribute.objects.create(owner=owner, key="city", kind="text")
    form.attributes.set(Attribute.objects.all())
    fill(
        form, "victim+buy-pills-now@example.org", full_name="BUY PILLS", attribute_city="http://pills.example"
    )
    (message,) = mail.outbox
    html = message.alternatives[0][0]
    for text in (message.subject, message.body, html):
        assert "pills" not in text.lower()
    assert "Olga Owner" in message.body


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"agree_data": None}, ["agree_data"]),
        ({"email": ""}, ["email"]),
        ({"email": "x" * 300 + "@example.org"}, ["email"]),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, ["email"]),
        ({"email": "<b>a</b>@example.org"}, ["email"]),
        ({"full_name": "Anna\r\nBcc: b@example.org"}, ["full_name"]),
        ({"full_name": "x" * 151}, ["full_name"]),
        ({"topics": "999999"}, ["topics"]),
        ({"topics": "x'; DROP"}, ["topics"]),
        ({"email": "a\x00@example.org"}, ["email"]),
    ],
)
def test_bad_input_comes_back_with_a_message(form, owner, said, names):
    topic = ClientGroupFactory(owner=owner, name="T", is_topic=True, topic_name="Tips")
    form.topics.add(topic)
    answer = fill(form, **{"email": "anna@example.org", **said})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, names)
    assert (SubscriptionRequest.objects.count(), len(mail.outbox)) == (0, 0)


def test_a_name_of_html_stays_text(form, owner, browser):
    fill(form, full_name="<script>alert(1)</script>")
    confirm(SubscriptionRequest.objects.get().key)
    shown = browser.get(reverse("client_detail", args=[Client.objects.get().pk])).content.decode()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_the_same_form_sent_twice_is_mailed_once(form, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    for _again in range(2):
        fill(form, "anna@example.org")
        fill(form, "ANNA@example.org")
    assert (SubscriptionRequest.objects.count(), len(mail.outbox)) == (1, 1)
    cache.clear()
    time_machine.move_to(now + timedelta(minutes=11), tick=False)
    fill(form)
    assert len(mail.outbox) == 2
    first, second = map(link_in, mail.outbox)
    assert [Browser().post(url).status_code for url in (first, second)] == [404, 302]


def test_nobody_puts_something_else_into_what_is_about_to_be_confirmed(form, owner, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    fill(form, full_name="Anna")
    fill(form, full_name="Mallory", agree_ads="on")
    time_machine.move_to(now + timedelta(minutes=11), tick=False)
    url = link_in(mail.outbox[0])
    assert "You may advertise." not in Browser().get(url).content.decode()
    fill(form, full_name="Mallory", agree_ads="on")
    assert Browser().post(url).status_code == 404
    assert joined(owner) == []
    shown = Browser().get(link_in(mail.outbox[1])).content.decode()
    for text in ("Mallory", "You may keep this.", "You may advertise."):
        assert text in shown


def test_one_address_gets_few_mails_whatever_the_forms(form, owner):
    forms = [
        SubscriptionForm.objects.create(owner=owner, name=str(n), title="x", language="en", data_wording="x")
        for n in range(5)
    ]
    answers = {fill(one, "victim@example.org").status_code for one in forms}
    assert (answers, len(mail.outbox)) == ({302}, 3)


def test_without_proof_a_few_are_let_through(form):
    codes = [fill(form, f"{n}@example.org", proof=False).status_code for n in range(4)]
    assert codes == [302, 302, 302, 429]
    assert fill(form, "x@example.org").status_code == 302


def test_a_proof_counts_once_for_its_form_and_an_hour(form, owner, time_machine):
    other = SubscriptionForm.objects.create(owner=owner, name="o", title="x", language="en")
    proof = solution(form.slug)
    assert not proof_of_work.solved(slug=other.slug, **proof)
    assert not proof_of_work.solved(slug=form.slug, challenge=proof["challenge"], nonce="1")
    assert not proof_of_work.solved(slug=form.slug, challenge=proof["challenge"] + "x", nonce=proof["nonce"])
    assert not proof_of_work.solved(slug=form.slug, challenge=proof["challenge"], nonce=f"{proof['nonce']} ")
    assert proof_of_work.solved(slug=form.slug, **proof)
    assert not proof_of_work.solved(slug=form.slug, **proof)
    late = solution(form.slug)
    time_machine.move_to(timezone.now() + timedelta(hours=1, minutes=1))
    assert not proof_of_work.solved(slug=form.slug, **late)


@pytest.mark.parametrize(
    "known", ["client", "unsubscribed", "paused", "bounced", "complained", "added", "forgotten"]
)
def test_the_answer_tells_nothing_of_the_address(form, owner, known):
    plain = fill(form, "nobody@example.org")
    if known == "client":
        ClientFactory(owner=owner, email="anna@example.org")
    elif known == "forgotten":
        forgetting.forget(owner=owner, email="anna@example.org")
    else:
        until = timezone.now() + timedelta(days=1) if known == "paused" else None
        Suppression.objects.create(owner=owner, email="anna@example.org", reason=known, until=until)
    mail.outbox.clear()
    answer = fill(form)
    assert (answer.status_code, answer["Location"]) == (plain.status_code, plain["Location"])
    mailed = known not in ("bounced", "complained", "added")
    assert len(mail.outbox) == mailed


def test_who_left_or_was_forgotten_comes_back_by_confirming(form, owner):
    group = form.groups.get()
    Suppression.objects.create(owner=owner, email="anna@example.org", reason="unsubscribed")
    OptOut.objects.create(owner=owner, email="anna@example.org", group=group)
    forgetting.forget(owner=owner, email="boris@example.org")
    for email in ("Anna@example.org", "boris@example.org"):
        fill(form, email)
    for row in SubscriptionRequest.objects.all():
        confirm(row.key)
    assert set(joined(owner)) == {"Anna@example.org", "boris@example.org"}
    assert (owner.suppressions.count(), OptOut.objects.count(), Forgotten.objects.count()) == (0, 0, 0)
    assert group.clients.count() == 2


def test_a_client_who_is_there_keeps_what_their_owner_wrote(form, owner):
    client = ClientFactory(
        owner=owner, email="anna@example.org", full_name="A. Lee", attributes={"city": "Oslo"}
    )
    Attribute.objects.create(owner=owner, key="city", kind="text")
    form.attributes.set(Attribute.objects.all())
    fill(form, full_name="Mallory", attribute_city="Rome")
    confirm(SubscriptionRequest.objects.get().key)
    client.refresh_from_db()
    assert (client.full_name, client.attributes) == ("A. Lee", {"city": "Oslo"})
    assert client.consents.count() == 1


def test_a_link_is_good_for_three_days(form, owner, time_machine):
    fill(form)
    url = link_in(mail.outbox[0])
    time_machine.move_to(timezone.now() + timedelta(days=3, minutes=1))
    for method in (Browser().get, Browser().post):
        assert method(url).status_code == 404
    assert joined(owner) == []
    assert forget_requests() == 1
    assert Browser().post("/join/confirm/made-up/").status_code == 404


def test_topics_are_chosen_and_those_of_others_are_not(form, owner, stranger):
    tips, news = (
        ClientGroupFactory(owner=owner, name=name, is_topic=True, topic_name=name)
        for name in ("Tips", "News")
    )
    foreign = ClientGroupFactory(owner=stranger, name="F", is_topic=True, topic_name="F")
    form.topics.set([tips, news])
    assert fill(form, topics=str(foreign.pk)).status_code == 422
    fill(form, topics=str(tips.pk))
    confirm(SubscriptionRequest.objects.get().key)
    assert set(Client.objects.get().groups.values_list("name", flat=True)) == {"Readers", "Tips"}


def test_the_mail_waits_for_the_owner_s_allowance(form, owner, settings, time_machine):
    settings.GUARD = True
    owner.mails_per_day = 1
    owner.save()
    fill(form, "a@example.org")
    assert fill(form, "b@example.org").status_code == 302
    assert [message.to for message in mail.outbox] == [["a@example.org"]]
    assert sum(BegunMails.objects.values_list("number", flat=True)) == 1
    time_machine.move_to(timezone.now() + timedelta(hours=25))
    assert (mail_requests(), mail_requests()) == (1, 0)
    assert [message.to for message in mail.outbox] == [["a@example.org"], ["b@example.org"]]


@pytest.mark.parametrize("how", ["closed", "blocked"])
def test_a_form_that_is_closed_is_not_there(form, owner, how):
    fill(form)
    key = SubscriptionRequest.objects.get().key
    if how == "closed":
        SubscriptionForm.objects.update(is_open=False)
    else:
        owner.is_active = False
        owner.save()
    assert Browser().get(reverse("join", args=[form.slug])).status_code == 404
    assert fill(form, "b@example.org").status_code == 404
    assert Browser().post(reverse("join_confirm", args=[key])).status_code == 404
    assert joined(owner) == []


def test_only_the_sites_named_may_embed_it_and_only_there(form):
    form.sites = "https://shop.example\nhttps://blog.example:8443"
    form.save()
    answer = Browser().get(reverse("join_embed", args=[form.slug]))
    assert (
        "frame-ancestors https://shop.example https://blog.example:8443;"
        in f"{answer['Content-Security-Policy']};"
    )
    assert "X-Frame-Options" not in answer
    sent = fill(form, embedded=True)
    assert sent["Location"] == reverse("join_embed_sent", args=[form.slug])
    assert "shop.example" in Browser().get(sent["Location"])["Content-Security-Policy"]
    for url in (
        reverse("join", args=[form.slug]),
        reverse("join_sent", args=[form.slug]),
        "/accounts/login/",
    ):
        answer = Browser().get(url)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], url
        assert answer["X-Frame-Options"] == "DENY"


def test_without_sites_nobody_may_embed_it(form):
    answer = Browser().get(reverse("join_embed", args=[form.slug]))
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_the_client_s_page_and_why_do_i_get_this_show_the_consent(form, owner, browser):
    fill(form)
    client = confirm(SubscriptionRequest.objects.get().key)
    shown = browser.get(reverse("client_detail", args=[client.pk])).content.decode()
    assert "You may keep this." in shown
    token = token_for(owner_id=owner.pk, email=client.email)
    why = Browser().get(reverse("unsubscribe_why", args=[token])).content.decode()
    assert "You signed up for it yourself." in why
    assert "You may keep this." in why
    data = Browser().get(reverse("unsubscribe_data", args=[token])).json()
    assert [entry["wording"] for entry in data["consents"]] == ["You may keep this."]


def test_forgetting_takes_what_was_asked_and_agreed(form, owner):
    fill(form, "zoe@example.org", full_name="Zoe")
    confirm(SubscriptionRequest.objects.get().key)
    forgetting.forget(owner=owner, email="zoe@example.org")
    assert (SubscriptionRequest.objects.count(), Consent.objects.count(), joined(owner)) == (0, 0, [])


def test_a_network_is_all_that_is_kept_of_an_address():
    assert shortened("203.0.113.77") == "203.0.113.0/24"
    assert shortened("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert (shortened(None), shortened("x")) == ("", "")
    assert household("203.0.113.77") == "203.0.113.77/32"
    assert household("2001:db8:1:2:3::4") == household("2001:db8:1:2:9::9") == "2001:db8:1:2::/64"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
def test_two_who_ask_and_confirm_at_once_are_one(form, owner):
    fields = [solution(form.slug) for _n in range(4)]

    def at_once(work, *rows):
        def run(row):
            try:
                return work(row)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(run, rows))

    codes = at_once(lambda proof: fill(form, proof=False, **proof).status_code, *fields)
    assert codes == [302] * 4
    key = SubscriptionRequest.objects.get().key
    clients = at_once(confirm, *[key] * 4)
    assert {client.pk for client in clients} == {Client.objects.get().pk}
    assert Consent.objects.count() == 1
    assert ClientGroup.objects.get().clients.count() == 1
