"""What the network answered, in words."""

from collections.abc import Callable, Iterable

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer.checking.background import digest_of, is_under_way, to_fetch
from mailer.checking.findings import Finding, place_of, shortened, worst_first
from mailer.checking.sender import Observation
from mailer.composing.drafts import Written
from mailer.models import Message, MessageCheck, SenderDomain

SPAMMY = 1.0  # points of SpamAssassin: other filters add theirs


def network_findings(
    *,
    check: MessageCheck | None,
    message: Message,
    written: Written,
    addresses: Iterable[str],
    domain: SenderDomain | None = None,
) -> list[Finding]:
    """What was found in the background about the links, the sender and the mail as a whole."""
    if check is None or is_under_way(check):
        return []
    if not check.finished_at:
        return [
            Finding.note(_("The links and the sender could not be checked."), _("Check them again later."))
        ]
    found = [
        *_links(check, written, to_fetch(addresses)),
        *sender_findings(domain.observations if domain else check.sender),
    ]
    return worst_first([*found, *_spam(check, message)])


def _links(check: MessageCheck, written: Written, addresses: list[str]) -> list[Finding]:
    checked = [(address, *check.links[address]) for address in addresses if address in check.links]
    bad = shortened(
        (code, finding)
        for address, code, detail in checked
        if (finding := _link(address, place_of(written, address), code, detail))
    )
    unknown = sum(address not in check.links for address in addresses)
    if unknown:
        text = ngettext(
            "%(number)s link is not checked yet.", "%(number)s links are not checked yet.", unknown
        )
        bad.append(Finding.note(text % {"number": unknown}))
    elif addresses and not bad:
        text = ngettext("The link works.", "All %(number)s links work.", len(addresses))
        bad.append(Finding.fine(text % {"number": len(addresses)}))
    return bad


def _link(address: str, place: str, code: str, detail: str) -> Finding | None:
    values = {"address": address[:200], "status": detail}
    gone = _("There is nothing there: correct the address, or remove the link.")
    sentences: dict[str, Callable[[], Finding]] = {
        "status": lambda: _by_status(values, place),
        "private": lambda: Finding.bad(
            _("%(address)s leads into a private network, which your clients cannot reach.") % values,
            _("Link to a page that everybody can open."),
            place,
        ),
        "nowhere": lambda: Finding.bad(_("There is no such site: %(address)s") % values, gone, place),
        "odd": lambda: Finding.bad(_("This is not the address of a page: %(address)s") % values, gone, place),
        "loop": lambda: Finding.bad(_("%(address)s redirects in a circle.") % values, gone, place),
        "tls": lambda: Finding.bad(
            _("The certificate of %(address)s is not valid: browsers warn about it.") % values,
            _("Have it renewed, or link to another page."),
            place,
        ),
        "away": lambda: Finding.warn(
            _("%(address)s did not answer.") % values, _("Open it in a browser."), place
        ),
    }
    if code in sentences:
        return sentences[code]()
    if code in ("dns", "later"):
        return Finding.note(_("%(address)s could not be checked.") % values)
    return None


def _by_status(values: dict[str, str], place: str) -> Finding:
    if values["status"] in ("404", "410"):
        return Finding.bad(
            _("There is no such page: %(address)s") % values,
            _("Correct the address, or remove the link."),
            place,
        )
    return Finding.warn(
        _("%(address)s returned error %(status)s.") % values, _("Open it in a browser."), place
    )


def sender_findings(observations: Iterable[Observation]) -> list[Finding]:
    """SPF, DKIM and DMARC of the domain in From. Most are for whoever runs its DNS."""
    return [finding for one in observations if (finding := _sentence(one))]


def _sentence(known: Observation) -> Finding | None:
    sentences: dict[str, Callable[[], Finding]] = {
        "local": lambda: Finding.note(
            _("Mail comes from %(domain)s, which other machines do not know: set DEFAULT_FROM_EMAIL.") % known
        ),
        "no_dns": lambda: Finding.note(
            _("No DNS server answers: nothing is known about %(domain)s.") % known
        ),
        "spf_missing": lambda: Finding.warn(
            _("%(domain)s has no SPF record.") % known,
            _("Its TXT record should name the servers that may send: v=spf1 … -all"),
        ),
        "spf_several": lambda: Finding.bad(
            _("%(domain)s has several SPF records, so none of them counts.") % known,
            _("Merge them into one."),
        ),
        "spf_everybody": lambda: Finding.warn(
            _("The SPF record of %(domain)s lets everybody send.") % known, _("End it with -all.")
        ),
        "spf_ok": lambda: Finding.fine(_("%(domain)s has an SPF record.") % known),
        "dkim_none": lambda: Finding.note(
            _("This service has no DKIM key for %(domain)s.") % known,
            _("The mail server may have one: look at the headers of a test mail."),
        ),
        "dkim_missing": lambda: Finding.bad(
            _("The DKIM key is not published at %(name)s.") % known,
            _("“manage.py dkim_key” prints the record."),
        ),
        "dkim_other": lambda: Finding.bad(
            _("Another DKIM key is published at %(name)s: signatures do not verify.") % known,
            _("“manage.py dkim_key” prints the record."),
        ),
        "dkim_ok": lambda: Finding.fine(_("The DKIM key is published at %(name)s.") % known),
    }
    return sentences[known["code"]]() if known["code"] in sentences else _of_dmarc(known)


def _of_dmarc(known: Observation) -> Finding | None:
    sentences: dict[str, Callable[[], Finding]] = {
        "dmarc_missing": lambda: Finding.warn(
            _("%(domain)s has no DMARC record, which Gmail and Yahoo require of large senders.") % known,
            _("To begin with, publish this TXT record at _dmarc.%(domain)s: v=DMARC1; p=none") % known,
        ),
        "dmarc_invalid": lambda: Finding.warn(
            _("The DMARC record of %(domain)s is invalid: receivers ignore it.") % known,
            _("Its p, sp and np must be “none”, “quarantine” or “reject”."),
        ),
        "dmarc_none": lambda: Finding.note(
            _("The DMARC policy of %(domain)s is “none”: it protects nobody yet.") % known
        ),
        "dmarc_fails": lambda: Finding.bad(
            _("Mail from %(domain)s fails DMARC, whose policy there is “%(policy)s”: it will not arrive.")
            % known,
            _("The service needs a DKIM key for this domain. Until then, send from its own address."),
        ),
        "dmarc_ok": lambda: Finding.fine(_("%(domain)s has a DMARC record.") % known),
    }
    return sentences[known["code"]]() if known["code"] in sentences else None


def _spam(check: MessageCheck, message: Message) -> list[Finding]:
    spam = check.spam
    if not settings.SPAMD or not spam:
        return []
    if "problem" in spam:
        return [Finding.note(_("The spam filter gave no answer."))]
    if spam["of"] != digest_of(message):
        return [Finding.note(_("The message was changed since the spam filter saw it."))]
    text = _("SpamAssassin gives it %(score)s points; at %(limit)s it is spam.") % spam
    if spam["score"] < SPAMMY:
        return [Finding.fine(text)]
    remedy = _("It objects to: %(rules)s") % {"rules": ", ".join(spam["rules"])}
    return [Finding.warn(text, remedy) if spam["score"] < spam["limit"] else Finding.bad(text, remedy)]
