"""Recipients in a browser: they leave and come back, sign up and confirm, and are forgotten."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

from playwright.sync_api import Page, expect

from e2e.conftest import NARROW
from e2e.stack import ROOT, Stack

SETUP = """
from mailer.composing.unsubscribe_links import token_for
from mailer.models import Client, ClientGroup, Mailing
from people.models import User
owner = User.objects.get(email="demo@example.com")
client, _new = Client.objects.get_or_create(
    owner=owner, address_key={email!r}, defaults={{"email": {email!r}, "full_name": "Lena Leaver"}}
)
topic = ClientGroup.objects.owned_by(owner).picked().first()
topic.is_topic, topic.topic_name = True, "Tips"
topic.save()
topic.clients.add(client)
mailing = Mailing.objects.filter(owner=owner).first()
print(token_for(owner_id=owner.pk, email=client.email, mailing_id=mailing.pk))
"""


def token(stack: Stack, email: str) -> str:
    """The token of a mail of the demo user to a client, who is made if need be."""
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", SETUP.format(email=email)]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()[-1]


def link_to(stack: Stack, email: str) -> str:
    """The path in the latest mail to an address that confirms a subscription."""
    end = monotonic() + 20
    while monotonic() < end:
        for path in sorted((stack.folder / "mail" / "new").glob("*"), key=_written, reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            found = re.search(r"/join/confirm/\S+", mail.get_body(("plain",)).get_content())
            if mail["To"] == email and found:
                return found[0]
        sleep(0.1)
    raise AssertionError(f"no mail to {email}")


def _written(path: Path) -> float:
    return path.stat().st_mtime


def test_a_recipient_leaves_and_comes_back(context_of, check, stack):
    url = f"/u/{token(stack, 'lena@example.org')}/"
    for options, look in (({"viewport": NARROW}, "narrow"), ({"java_script_enabled": False}, "plain")):
        page = context_of(None, **options).new_page()
        page.goto(url)
        if look == "narrow":
            check(page, "leaving")
        page.get_by_label("Only this mailing").check()
        page.get_by_label("It comes too often").check()
        page.get_by_role("button", name="Yes, unsubscribe me").click()
        expect(page.get_by_role("heading", name="You left this mailing")).to_be_visible()
        if look == "narrow":
            check(page, "left-one-mailing")
        page.get_by_role("button", name="Undo").click()
        page.get_by_label("for the next 30 days").check()
        page.get_by_role("button", name="Yes, unsubscribe me").click()
        expect(page.get_by_role("heading", name="Mail is paused")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        page.get_by_label("Tips").uncheck()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_label("Tips")).not_to_be_checked()
        page.get_by_label("Tips").check()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_label("Tips")).to_be_checked()


def test_somebody_signs_up_by_a_form_and_confirms(page, context_of, check, stack):
    with another_site() as site:
        slug = make_a_form(page, check, site)
        sign_up(context_of(None, viewport=NARROW).new_page(), check, stack, slug)
        in_a_frame(context_of(None).new_page(), stack, site, slug)
    without_javascript(context_of(None, java_script_enabled=False).new_page(), stack, slug)
    page.goto("/clients/?q=signe")
    page.get_by_role("link", name="signe@example.org", exact=True).click()
    page.locator("summary", has_text="use of data").click()
    expect(page.get_by_text("I agree that my data is stored")).to_be_visible()
    check(page, "client-with-consent")


def make_a_form(page: Page, check, site: str) -> str:
    page.goto("/clients/forms/")
    page.locator("#page-action").click()
    form = page.locator("dialog[open]")
    form.get_by_label("Name", exact=True).fill("Website")
    form.get_by_label("Heading").fill("News from us")
    form.get_by_label("Language").select_option("en")
    form.get_by_label("Sites that may embed it").fill("not a site")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("is not the beginning of a site's address")).to_be_visible()
    check(page, "sign-up-form-dialog-with-an-error")
    form.get_by_label("Sites that may embed it").fill(site)
    form.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Website", exact=True).click()
    check(page, "sign-up-form")
    address = page.locator("dd a", has_text="/join/").inner_text()
    return address.rstrip("/").rpartition("/")[2]


def sign_up(page: Page, check, stack: Stack, slug: str) -> None:
    page.goto(f"/join/{slug}/")
    check(page, "join")
    page.get_by_label("Email", exact=True).fill("signe@example.org")
    page.get_by_label("Full name").fill("Signe Up")
    expect(page.get_by_label("I agree that my data")).not_to_be_checked()
    expect(page.get_by_label("I agree to receive advertising")).not_to_be_checked()
    page.get_by_label("I agree that my data").check()
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    check(page, "join-sent")
    page.goto(link_to(stack, "signe@example.org"))
    check(page, "join-confirm")
    page.get_by_role("button", name="Yes, I want this mail").click()
    expect(page.get_by_text("from now on")).to_be_visible()


def in_a_frame(page: Page, stack: Stack, site: str, slug: str) -> None:
    page.goto(f"{site}/?{stack.url}/join/{slug}/embed/")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Email", exact=True).fill("framed@example.org")
    frame.get_by_label("I agree that my data").check()
    frame.get_by_role("button", name="Sign up").click()
    expect(frame.get_by_role("heading", name="Check your email")).to_be_visible()
    assert link_to(stack, "framed@example.org")


def without_javascript(page: Page, stack: Stack, slug: str) -> None:
    page.goto(f"/join/{slug}/")
    page.get_by_label("Email", exact=True).fill("plain-signup@example.org")
    page.get_by_label("I agree that my data").check()
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    assert link_to(stack, "plain-signup@example.org")


class _Embeds(BaseHTTPRequestHandler):
    """A page of another site with a frame in it."""

    def do_GET(self) -> None:
        html = f'<!doctype html><title>Shop</title><iframe src="{self.path[2:]}" width="600" height="700">'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(html.encode())

    def log_message(self, *_: object) -> None:
        """Into no log."""


@contextmanager
def another_site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Embeds)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_person_is_forgotten(page, context_of, check, stack):
    url = f"/u/{token(stack, 'lethe@example.org')}/"
    page.goto("/clients/?q=lethe")
    page.get_by_role("link", name="lethe@example.org", exact=True).click()
    page.get_by_role("link", name="Forget…").click()
    check(page, "forget")
    page.get_by_role("button", name="Forget this person").click()
    expect(page.get_by_text("This person is being forgotten.")).to_be_visible()
    page.goto("/clients/?q=lethe")
    for _ in range(40):
        if page.get_by_role("link", name="lethe@example.org", exact=True).count() == 0:
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_role("link", name="lethe@example.org", exact=True)).to_have_count(0)
    stranger = context_of(None, viewport=NARROW).new_page()
    stranger.goto(url)
    expect(stranger.get_by_role("heading", name="You are forgotten")).to_be_visible()
    check(stranger, "forgotten")
