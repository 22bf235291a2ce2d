"""The DMARC record of a domain (RFC 9989), found by its tree walk."""

from typing import NamedTuple

from site_config.dns import text_records

LONGEST_WALK = 8  # labels: of a longer name the middle ones are left out


class Record(NamedTuple):
    domain: str
    tags: dict[str, str]

    @property
    def policy(self) -> str:
        return self.tags.get("p", "none").lower()


class Found(NamedTuple):
    """What the walk found: the record that applies to the domain, and the organizational domain."""

    record: Record | None
    organization: str


def walk(domain: str) -> Found:
    """Ask from the domain itself upwards (section 4.10); raises DnsAway if nobody answers."""
    found = _walked(domain.lower().rstrip("."))
    organization = _organization(found, domain)
    by_domain = {record.domain: record for record in found}
    record = by_domain.get(domain) or by_domain.get(organization)
    suffix = next((other for other in found if _psd(other) == "y"), None)
    return Found(record or suffix, organization)


def is_aligned(one: str, other: str, *, strict: bool) -> bool:
    """Whether two domains are aligned: equal, or, unless `strict`, of one organization (section 4.4)."""
    return one == other or (not strict and walk(one).organization == walk(other).organization)


def _walked(domain: str) -> list[Record]:
    found: list[Record] = []
    for name in _names(domain):
        if record := _record(name):
            found.append(record)
            if _psd(record) == "n" or (_psd(record) == "y" and name != domain):
                break
    return found


def _names(domain: str) -> list[str]:
    """The domain and those above it, at most eight."""
    labels = domain.split(".")
    first = 1 if len(labels) < LONGEST_WALK else len(labels) - LONGEST_WALK + 1
    return [domain, *(".".join(labels[at:]) for at in range(first, len(labels)))]


def _record(domain: str) -> Record | None:
    """The one record of a name: if there are several, none counts."""
    tagged = [_tags(text) for text in text_records(f"_dmarc.{domain}")]
    valid = [tags for tags in tagged if next(iter(tags.items()), None) == ("v", "DMARC1")]
    return Record(domain, valid[0]) if len(valid) == 1 else None


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
