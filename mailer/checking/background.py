"""The network part of a check: done by the consumer, and kept with the message."""

import hashlib
import logging
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, TimeoutError, as_completed
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from liquid.exceptions import LiquidError

from mailer import tasks
from mailer.checking.aside import Aside
from mailer.checking.fetching import Verdict, fetch
from mailer.checking.sender import check_domain, domain_of
from mailer.checking.spam import SpamdAway, score_of
from mailer.composing.compiling import Compiled
from mailer.composing.drafts import saved_of, written_of
from mailer.composing.looking import look
from mailer.composing.rendering import Composer, Recipient
from mailer.models import Message, MessageCheck
from people.models import User
from site_config import connections
from site_config.queue import after_commit

MOST_LINKS = 50
MOST_OF_ONE_SITE = 10  # so that nobody can use a message to attack a site
AT_ONCE = 6
SECONDS = 60  # for all links
OLD = timedelta(days=1)
LOST = timedelta(minutes=3)  # after which an unfinished check will not finish

log = logging.getLogger(__name__)
_checks = Aside()


def request(message: Message) -> None:
    """Have a message checked in the background, as saved and as its draft is."""
    MessageCheck.objects.update_or_create(
        message=message, defaults={"requested_at": timezone.now(), "finished_at": None}
    )
    after_commit(lambda: tasks.check_message(message.pk))


def request_unless_known(message: Message, addresses: Iterable[str]) -> None:
    """The same, unless there is an answer from today for these addresses, or one is on its way."""
    known = MessageCheck.objects.filter(message=message, requested_at__gt=timezone.now() - OLD).first()
    if known is None or (known.finished_at and not set(to_fetch(addresses)) <= known.links.keys()):
        request(message)


def is_under_way(check: MessageCheck | None) -> bool:
    """Whether its answer may still come."""
    return bool(check and not check.finished_at and timezone.now() - check.requested_at < LOST)


def to_fetch(addresses: Iterable[str]) -> list[str]:
    """Links that are the same for everybody and lead to a web page, within limits."""
    found: dict[str, list[str]] = {}
    for address in dict.fromkeys(address.strip() for address in addresses):
        if address.lower().startswith(("http://", "https://")) and "{" not in address and len(address) < 2000:
            found.setdefault(address.split("/")[2], []).append(address)
    return [address for of_site in found.values() for address in of_site[:MOST_OF_ONE_SITE]][:MOST_LINKS]


def run_aside(message_id: int) -> None:
    """Run it where slow sites hold up nothing else."""
    _checks.run(run, message_id)


def run(message_id: int) -> None:
    """Check a message that was requested, and keep the answer; repeating it does the same again."""
    message = Message.objects.select_related("owner").filter(pk=message_id).first()
    if message is None:
        return
    begun = timezone.now()
    versions = [look(written=written_of(message)[0], owner=message.owner).compiled]
    if message.body:
        written = saved_of(message)
        versions.append(look(written=written, owner=message.owner, laid_out=message.body).compiled)
    addresses = [address for made in versions if made for address in made.facts.links]
    connections.release()  # for as long as the network takes
    MessageCheck.objects.filter(message=message, requested_at__lte=begun).update(
        links=check_links(to_fetch(addresses)),
        sender=check_domain(domain_of(settings.DEFAULT_FROM_EMAIL)),
        spam=_spam(versions[-1], message) if settings.SPAMD and message.body else {},
        finished_at=timezone.now(),
    )


def check_links(addresses: Collection[str]) -> dict[str, list[str]]:
    """A code and a detail for each link; those for which there was no time have the code “later”."""
    results: dict[str, list[str]] = {address: ["later", ""] for address in addresses}
    pool = ThreadPoolExecutor(AT_ONCE)
    asked = {pool.submit(fetch, address): address for address in addresses}
    try:
        for done in as_completed(asked, timeout=SECONDS):
            results[asked[done]] = list(_result(done))
    except TimeoutError:
        log.info("some links of a message took too long to be checked")
    pool.shutdown(wait=False, cancel_futures=True)
    return results


def _result(done: Any) -> Verdict:
    try:
        verdict: Verdict = done.result()
    except Exception:  # one odd address is no reason to say nothing about the others
        log.warning("a link could not be checked", exc_info=True)
        return Verdict("odd")
    return verdict


def _spam(compiled: Compiled | None, message: Message) -> dict[str, Any]:
    if compiled is None:
        return {}
    try:
        return {**score_as_sent(compiled, owner=message.owner), "of": digest_of(message)}
    except SpamdAway as error:
        return {"problem": str(error)[:200]}
    except LiquidError:
        return {}


def score_as_sent(compiled: Compiled, *, owner: User) -> dict[str, Any]:
    """What a spam filter says of the mail to somebody who does not exist; SpamdAway if there is no answer."""
    recipient = Recipient("anna@example.com", "Anna Petrova", "<check@example.com>")
    return score_of(Composer(compiled=compiled, owner=owner).write(recipient, eight_bit=False))


def digest_of(message: Message) -> str:
    """Tells whether an answer about a whole message is about its current state."""
    return hashlib.sha256(f"{message.subject}\0{message.body}".encode()).hexdigest()[:16]
