"""Which files may be attached. A file's content decides, and its name must agree.

A list of what is allowed, not of what is forbidden: mail servers refuse programs and pages with scripts, even
inside archives, and such refusals count against every sender of this service.
"""

import re
import zipfile
from collections.abc import Callable
from io import BytesIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_IN_ARCHIVE = 2_000  # files of an archive that are checked
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\:*?\"<>|]")
_PROGRAMS = re.compile(
    r"\.(?:exe|com|scr|pif|bat|cmd|msi|msp|dll|sys|cpl|jar|js|jse|vbs?|vbe|ws[cfh]?|ps1|hta|lnk|reg|inf|iso|img|"
    r"vhdx?|apk|app|dmg|chm|html?|xhtml|svg|mht(?:ml)?|sh|py|docm|xlsm|pptm|dotm|xltm|potm)$",
    re.IGNORECASE,
)
Check = Callable[[bytes], bool]


def _starts(*signatures: bytes) -> Check:
    return lambda data: data.startswith(signatures)


def _pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:1024]


def _webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _mp4(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def _mp3(data: bytes) -> bool:
    return data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1:2] >= b"\xe0")


def _text(data: bytes) -> bool:
    """In UTF-8 or any one-byte encoding: no octet that text never has."""
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", data) and b"<script" not in data.lower()


def _names(data: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return archive.namelist()[: MOST_IN_ARCHIVE + 1]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError):
        return []


def _archive(data: bytes) -> bool:
    names = _names(data)
    return 0 < len(names) <= MOST_IN_ARCHIVE and not any(map(_PROGRAMS.search, names))


def _office(data: bytes) -> bool:
    """Without macros, whatever it claims to be."""
    names = _names(data)
    return "[Content_Types].xml" in names and not any("vbaproject" in name.lower() for name in names)


def _open_document(data: bytes) -> bool:
    names = _names(data)
    return bool(names) and names[0] == "mimetype" and not any(name.startswith("Basic/") for name in names)


_OOXML = "application/vnd.openxmlformats-officedocument."
KINDS: dict[str, tuple[str, Check]] = {
    "pdf": ("application/pdf", _pdf),
    "png": ("image/png", _starts(b"\x89PNG\r\n\x1a\n")),
    "jpg": ("image/jpeg", _starts(b"\xff\xd8\xff")),
    "jpeg": ("image/jpeg", _starts(b"\xff\xd8\xff")),
    "gif": ("image/gif", _starts(b"GIF87a", b"GIF89a")),
    "webp": ("image/webp", _webp),
    "docx": (_OOXML + "wordprocessingml.document", _office),
    "xlsx": (_OOXML + "spreadsheetml.sheet", _office),
    "pptx": (_OOXML + "presentationml.presentation", _office),
    "odt": ("application/vnd.oasis.opendocument.text", _open_document),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet", _open_document),
    "odp": ("application/vnd.oasis.opendocument.presentation", _open_document),
    "rtf": ("application/rtf", _starts(b"{\\rtf")),
    "txt": ("text/plain", _text),
    "csv": ("text/csv", _text),
    "ics": ("text/calendar", _text),
    "vcf": ("text/vcard", _text),
    "mp3": ("audio/mpeg", _mp3),
    "mp4": ("video/mp4", _mp4),
    "epub": ("application/epub+zip", _open_document),
    "zip": ("application/zip", _archive),
}


def clean_name(name: str) -> str:
    """The name under which it is attached: one line, no path, nothing that reverses the text."""
    name = _ODD.sub("", name.replace("\\", "/").rpartition("/")[2]).strip(" .")
    stem, dot, ending = name.rpartition(".")
    return f"{stem[: 99 - len(ending)].rstrip()}.{ending}" if dot and len(ending) < 9 else name[:100]


def content_type_of(name: str, data: bytes) -> str:
    """The type of a permitted file; raises ValidationError with the reason."""
    ending = name.rpartition(".")[2].lower()
    if not data:
        raise ValidationError(_("This file is empty."), code="empty")
    if ending not in KINDS or "." not in name:
        raise ValidationError(
            _("Files of this kind cannot be attached. These can: %(kinds)s."),
            params={"kinds": ", ".join(KINDS)},
            code="kind",
        )
    content_type, check = KINDS[ending]
    if not check(data):
        raise ValidationError(
            _("This file's content does not match its name, or contains a program or macros."),
            code="content",
        )
    return content_type
