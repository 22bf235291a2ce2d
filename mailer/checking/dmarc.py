"""The DMARC record of a domain (RFC 9989), found by its tree walk."""

import re
from typing import NamedTuple

from site_config.dns import exists, text_records

POLICIES = frozenset({"none", "quarantine", "reject"})
_TESTED = {"none": "none", "quarantine": "none", "reject": "quarantine"}  # one level below, with t=y
_VERSION = re.compile(r"\s*[vV]\s*=\s*DMARC1\s*(?:;|$)")  # first, and the value in capitals
_URI = re.compile(r"(?:^|,)\s*[A-Za-z][A-Za-z0-9+.-]*:[^\s,]")

LONGEST_WALK = 8  # labels: of a longer name the middle ones are left out


class Record(NamedTuple):
    domain: str
    tags: dict[str, str]


class Found(NamedTuple):
    """What the walk found: the record that applies to the domain, and the organizational domain."""

    record: Record | None
    organization: str


def walk(domain: str) -> Found:
    """Ask from the domain itself upwards (section 4.10); raises DnsAway if nobody answers."""
    domain = domain.lower().rstrip(".")
    found = _walked(domain)
    organization = _organization(found, domain)
    by_domain = {record.domain: record for record in found}
    record = by_domain.get(domain) or by_domain.get(organization)
    suffix = next((other for other in found if _psd(other) == "y"), None)
    return Found(record or suffix, organization)


def policy_for(domain: str, record: Record) -> str | None:
    """What is asked for mail from this domain that fails, by the record that applies to it (section 4.10.1).

    None: the record is invalid and ignored. Raises DnsAway if nobody answers.
    """
    tags = {name: record.tags[name].lower() for name in ("p", "sp", "np") if name in record.tags}
    if not POLICIES.issuperset(tags.values()):
        return "none" if _URI.search(record.tags.get("rua", "")) else None
    names = ["p"]
    if record.domain != domain.lower().rstrip("."):
        names = ["np", "sp", "p"] if "np" in tags and not exists(domain) else ["sp", "p"]
    stated = next((tags[name] for name in names if name in tags), "none")
    return _TESTED[stated] if record.tags.get("t", "n").lower() == "y" else stated


def is_aligned(one: str, other: str, *, strict: bool) -> bool:
    """Whether two domains are aligned: equal, or, unless `strict`, of one organization (section 4.4)."""
    return one == other or (not strict and walk(one).organization == walk(other).organization)


def _walked(domain: str) -> list[Record]:
    found: list[Record] = []
    for name in _names(domain):
        if record := _record(name):
            found.append(record)
            if _psd(record) in {"y", "n"}:
                break
    return found


def _names(domain: str) -> list[str]:
    """The domain and those above it, at most eight."""
    labels = domain.split(".")
    first = 1 if len(labels) < LONGEST_WALK else len(labels) - LONGEST_WALK + 1
    return [domain, *(".".join(labels[at:]) for at in range(first, len(labels)))]


def _record(domain: str) -> Record | None:
    """The one record of a name: if there are several, none counts."""
    valid = [text for text in text_records(f"_dmarc.{domain}") if _VERSION.match(text)]
    return Record(domain, _tags(valid[0])) if len(valid) == 1 else None


def _tags(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";") if "=" in part]
    return {name.strip().lower(): value.strip() for name, _equals, value in pairs}


def _psd(record: Record) -> str:
    return record.tags.get("psd", "u").lower()


def _organization(found: list[Record], domain: str) -> str:
    """Section 4.10.2: what says so itself, what is right below a suffix, or the topmost with a record."""
    for record in found:
        if _psd(record) == "n":
            return record.domain
        if _psd(record) == "y" and record.domain != domain:
            labels = domain.split(".")
            return ".".join(labels[-(record.domain.count(".") + 2) :])
    return found[-1].domain if found else domain
