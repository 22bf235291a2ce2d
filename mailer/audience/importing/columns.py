"""What a file's columns hold, by the names that other programs give them."""

import re
import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.audience.importing.records import Record
from mailer.models import Attribute
from mailer.models.attribute import is_key

EMAIL, COMMENT = "email", "comment"
NAME, FIRST, MIDDLE, LAST = "full_name", "first_name", "middle_name", "last_name"
STATUS, AGREED, LEFT, BOUNCED, COMPLAINED = "status", "agreed", "left", "bounced", "complained"
LEFT_AT, STOPPED, UNUSED = "left_at", "stopped", ""

LABELS = {
    UNUSED: _("not used"),
    EMAIL: _("email"),
    NAME: _("full name"),
    FIRST: _("first name"),
    MIDDLE: _("middle name"),
    LAST: _("last name"),
    COMMENT: _("comment"),
    STATUS: _("status: “unsubscribed” and the like stop the address"),
    AGREED: _("wants mail: “no” stops the address"),
    LEFT: _("unsubscribed: “yes” or a date stops the address"),
    BOUNCED: _("bounced: “yes” or a date stops the address"),
    COMPLAINED: _("complained: “yes” or a date stops the address"),
    LEFT_AT: pgettext_lazy("column of a file", "date of the stop"),
    STOPPED: pgettext_lazy("column of a file", "reason on the stop-list"),
}

_ATTRIBUTE = "attribute"  # "attribute:city:text": its name and its kind


def as_attribute(key: str, kind: str) -> str:
    """The meaning of a column that holds an attribute."""
    return f"{_ATTRIBUTE}:{key}:{kind}"


def attribute_of(meaning: str) -> tuple[str, str] | None:
    """The name and the kind of the attribute that a column holds, if it holds one."""
    word, _colon, rest = meaning.partition(":")
    key, _colon, kind = rest.partition(":")
    if word != _ATTRIBUTE or kind not in Attribute.Kind.values or not is_key(key):
        return None
    return key, kind


def is_meaning(what: str) -> bool:
    return what in LABELS or attribute_of(what) is not None


_NAMES = {
    EMAIL: """
        email; e mail; mail; email address; e mail address; emailaddress; email 1; e mail 1; primary
        email; email primary; work email; home email; other email; newsletter email; newsletters email;
        personal email; contact email; subscriber; subscriber email; subscriber address; user email;
        customer email; your email; email id; work e mail; home e mail; other e mail; e mail newsletters;
        mailing email; secondary email; alternate email; email 2; email 3; e mail 2; e mail 3; e mail 2
        address; e mail 3 address; additional email; e mail адрес; email адрес; адрес email; адрес e mail;
        почта; электронная почта; эл почта; адрес электронной почты; адрес эл почты; адрес эл почты 2;
        адрес эл почты 3; электронный адрес; емейл; имейл; емайл; мейл; рабочий e mail; частный e mail;
        другой e mail; личный e mail; e mail рабочий; e mail частный; e mail для рассылок; e mail другой;
        email для рассылок; рабочий email; домашний email; адресэп; адрес эп; эп; контактный e mail; e
        mail adresse; email adresse; mailadresse; adresse de messagerie; adresse e mail; adresse email;
        courriel; correo electronico; correo; direccion de correo electronico; indirizzo email; indirizzo
        e mail; endereco de email; adres e mail; adres email; e post; электронная почта клиента; member
        email; почтовый ящик; e mail клиента; email клиента; email контакта; lead email
    """,
    NAME: """
        full name; name; display name; subscriber name; contact name; contact; customer name; fullname;
        member name; file as; имя; полное имя; фио; ф и о; фамилия имя отчество; имя и фамилия; фамилия и
        имя; отображаемое имя; краткое имя; наименование; наименование полное; полное наименование;
        контакт; контактное лицо; клиент; контрагент; имя контакта; имя клиента; nome completo; nombre
        completo; nom complet; anzeigename; name ganz
    """,
    FIRST: """
        first name; firstname; fname; f name; given name; givenname; forename; имя собственное; vorname;
        prenom; nombre; nome; imie; first
    """,
    MIDDLE: """
        middle name; middlename; additional name; patronymic; second name; отчество; secondname; weitere
        vornamen
    """,
    LAST: """
        last name; lastname; lname; l name; surname; family name; familyname; фамилия; nachname;
        familienname; nom; nom de famille; apellido; apellidos; cognome; sobrenome; nazwisko; last
    """,
    COMMENT: """
        comment; comments; note; notes; remark; remarks; description; комментарий; комментарии; заметки;
        заметка; примечание; примечания; notizen; notas; remarques; описание
    """,
    STATUS: """
        status; state; subscription status; email status; subscriber status; contact status; member
        status; subscribed status; list status; mailing status; email marketing status; marketing status;
        email subscription status; email permission status; email availability; статус; состояние; статус
        подписки; статус email; статус e mail; статус подписчика; статус контакта; статус адреса; estado;
        statut; stato; reason; причина
    """,
    AGREED: """
        subscribed; is subscribed; subscribed to emails; opt in; optin; opted in; email opt in; email
        optin; email consent; accepts marketing; accepts email marketing; email marketing consent;
        newsletter; marketing consent; enabled; is enabled; active; is active; can email; wants mail;
        receive newsletter; подписан; подписка; согласие; согласие на рассылку; согласен на рассылку;
        рассылка; получает рассылку
    """,
    LEFT: """
        unsubscribed; is unsubscribed; opt out; optout; opted out; email opt out; email optout; has opted
        out of email; email opted out; unsubscribed from all email; unsubscribed from all emails; opted
        out of all email; unsubscribe; do not email; do not mail; do not contact; dnc; email disabled;
        emails disabled; blocklisted; blacklisted; email blacklisted; email blocklisted; emailblacklisted;
        blocklist; blacklist; blocked; is blocked; suppressed; is suppressed; unsub time; unsub date;
        unsubscribed at; unsubscribe date; unsubscribe time; unsubscribed date; unsubscribed on; date
        unsubscribed; unsubscription date; opt out date; optout date; opt out time; отписан; отписался;
        отписка; дата отписки; не беспокоить; в черном списке; черный список; отказ от рассылки; отказался
        от рассылки; исключен
    """,
    BOUNCED: """
        bounced; is bounced; hard bounce; hard bounced; hard bounces; email hard bounced; email hard
        bounce; email hard bounce reason; hard bounce reason; clean time; cleaned; bounced at; bounce
        date; bounced on; date bounced; bounce reason; invalid email; email invalid; недоставлено;
        возврат; дата возврата
    """,
    COMPLAINED: """
        complained; complaint; complaints; spam; is spam; marked as spam; spam complaint; spam report;
        complained at; complaint date; reported spam; abuse; жалоба; жалоба на спам; пожаловался
    """,
    LEFT_AT: """
        stop list since; since; с; status changed at; status date; status changed; дата статуса; в стоп
        листе с; date of the stop
    """,
    STOPPED: "stop list; стоп лист; стоп лист причина",
}
_MEANING = {" ".join(name.split()): meaning for meaning, names in _NAMES.items() for name in names.split(";")}
LONGEST_NAME = 500  # characters of a heading that are read; decomposing letters takes time
_GOOGLE_EMAIL = re.compile(r"e ?mail \d+ (value|address)")


_LETTERS_OF_THEIR_OWN = str.maketrans({"ё": "е", "Ё": "Е", "й": "\1", "Й": "\1"})


def key(name: str) -> str:
    """A column's name without what different programs write differently."""
    name = name[:LONGEST_NAME].translate(_LETTERS_OF_THEIR_OWN)
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).replace("\1", "й")
    plain = re.sub(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])", " ", plain)  # firstName, АдресПочты
    return " ".join(re.split(r"[\W_]+", plain.lower())).strip()


def meaning(name: str) -> str:
    """What a column of this name holds; empty if the name does not say."""
    for spelled in (key(name), key(name.lower())):
        if spelled in _MEANING:
            return _MEANING[spelled]
        if _GOOGLE_EMAIL.fullmatch(spelled):
            return EMAIL
    return UNUSED


def by_name(heading: Sequence[str]) -> list[str]:
    """What each column holds; of two of a kind the first, except where several make sense."""
    found = [meaning(name) for name in heading]
    for place, what in enumerate(found):
        if what in (NAME, FIRST, MIDDLE, LAST, STOPPED, LEFT_AT) and what in found[:place]:
            found[place] = UNUSED
    return found


# It begins at a word: nothing is examined twice.
_ADDRESS = re.compile(r"(?<![^\s@<>\"])[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\".]{2,}")


def has_address(cell: str) -> bool:
    """Whether a cell seems to hold an address, for guessing."""
    return "@" in cell and _ADDRESS.search(cell) is not None


def by_content(records: Sequence[Record]) -> int | None:
    """The column with most addresses, if there is one."""
    width = max((len(record.cells) for record in records), default=0)
    counts = [sum(has_address(r.cells[at]) for r in records if at < len(r.cells)) for at in range(width)]
    best = max(range(width), key=lambda at: counts[at], default=None)
    return best if best is not None and counts[best] else None
