"""What receivers find about a sender's domain: SPF, DKIM and DMARC."""

from email.utils import parseaddr
from typing import Any

from django.conf import settings

from mailer.checking.dmarc import is_aligned, policy_for, walk
from site_config.dkim import Signer, signers_for
from site_config.dns import DnsAway, text_records

LOCAL = (".localdomain", ".localhost", ".local")  # names of this machine or network only
Observation = dict[str, Any]  # a code and the values for its sentence


def check_domain(domain: str) -> list[Observation]:
    """What there is to say about a domain in From, as codes; see `background.sentence` for the words."""
    envelope = domain_of(settings.DEFAULT_FROM_EMAIL)
    if envelope.endswith(LOCAL):
        return [{"code": "local", "domain": envelope}]
    try:
        signers = signers_for(domain)
        observed = [*_spf(envelope), *_dkim(domain, signers)]
        return [*observed, *_dmarc(domain, envelope, signers)]
    except DnsAway:
        return [{"code": "no_dns", "domain": domain}]


def domain_of(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2].lower()


def _spf(domain: str) -> list[Observation]:
    records = [text for text in text_records(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if len(records) > 1:  # RFC 7208 section 4.5
        return [{"code": "spf_several", "domain": domain}]
    if not records:
        return [{"code": "spf_missing", "domain": domain}]
    if {"+all", "all"} & set(records[0].lower().split()):
        return [{"code": "spf_everybody", "domain": domain}]
    return [{"code": "spf_ok", "domain": domain}]


def _dkim(domain: str, signers: list[Signer]) -> list[Observation]:
    if not signers:
        return [{"code": "dkim_none", "domain": domain}]
    observed = []
    for signer in signers:
        name, value = signer.record
        published = [_without_blanks(text) for text in text_records(name)]
        key = _without_blanks(value).rpartition("p=")[2]
        if any(text.rpartition("p=")[2].partition(";")[0] == key for text in published):
            observed.append({"code": "dkim_ok", "name": name})
        else:
            observed.append({"code": "dkim_other" if published else "dkim_missing", "name": name})
    return observed


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _dmarc(domain: str, envelope: str, signers: list[Signer]) -> list[Observation]:
    record, _organization = walk(domain)
    if record is None:
        return [{"code": "dmarc_missing", "domain": domain}]
    policy = policy_for(domain, record)
    if policy is None:
        return [{"code": "dmarc_invalid", "domain": record.domain}]
    strict = {name: record.tags.get(name, "r").lower() == "s" for name in ("adkim", "aspf")}
    signed = any(is_aligned(domain, signer.domain, strict=strict["adkim"]) for signer in signers)
    sent = is_aligned(domain, envelope, strict=strict["aspf"])
    if not signed and not sent and policy != "none":
        return [{"code": "dmarc_fails", "domain": domain, "policy": policy}]
    return [{"code": "dmarc_none" if policy == "none" else "dmarc_ok", "domain": record.domain}]
