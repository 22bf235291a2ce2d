"""Files as parts of a mail: attached (multipart/mixed), or embedded in its HTML (multipart/related)."""

from base64 import encodebytes
from collections.abc import Sequence
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from typing import NamedTuple
from urllib.parse import quote


class File(NamedTuple):
    name: str
    content_type: str
    data: bytes
    content_id: str = ""  # by which the HTML shows it; empty: it is attached


LONGEST_NAME = 900  # octets of an encoded name, on one line: few programs join several


def wrapped(boundary: bytes, files: Sequence[File]) -> tuple[bytes, bytes]:
    """What comes before the mail's text and HTML parts, which have this boundary, and what comes after.

    RFC 2046 sections 5.1.3 and 5.1.4, RFC 2387.
    """
    before, after = b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % boundary, b""
    shown = [file for file in files if file.content_id]
    attached = [file for file in files if not file.content_id]
    for kind, more, parts in (
        (b"related", b' type="multipart/alternative";', shown),
        (b"mixed", b"", attached),
    ):
        if parts:
            outer = b"%b-%b" % (kind, boundary)
            before = b'Content-Type: multipart/%b;%b boundary="%b"\r\n\r\n--%b\r\n%b' % (
                kind, more, outer, outer, before,
            )  # fmt: skip
            after += b"".join(b"--%b\r\n%b" % (outer, _part(file)) for file in parts) + b"--%b--\r\n" % outer
    return before, after


def _part(file: File) -> bytes:
    head = b"Content-Type: %b\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n%b\r\n" % (
        file.content_type.encode("ascii"),
        _disposition(file),
    )
    return head + encodebytes(file.data).replace(b"\n", b"\r\n")


def _disposition(file: File) -> bytes:
    """RFC 2183 and RFC 2231: a name in any script."""
    kind = b"inline" if file.content_id else b"attachment"
    content_id = b"Content-ID: <%b>\r\n" % file.content_id.encode("ascii") if file.content_id else b""
    name = fitting(file.name)
    if name.isascii() and '"' not in name and "\\" not in name and len(name) < 60:
        parameter = b'filename="%b"' % name.encode("ascii")
    else:
        parameter = b"filename*=utf-8''%b" % quote(name, safe="").encode("ascii")
    return b"Content-Disposition: %b;\r\n %b\r\n%b" % (kind, parameter, content_id)


def fitting(name: str) -> str:
    """As much of a name as fits on a header line, with its extension."""
    stem, dot, ending = name.rpartition(".")
    while stem and len(quote(stem + dot + ending, safe="")) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + dot + ending


def as_mime(file: File) -> MIMEBase:
    """The same by the standard library, the slow and obvious way."""
    main, _slash, sub = file.content_type.partition("/")
    part = MIMEBase(main, sub)
    part.set_payload(file.data)
    encode_base64(part)
    kind, name = "inline" if file.content_id else "attachment", fitting(file.name)
    part.add_header("Content-Disposition", kind, filename=name if name.isascii() else ("utf-8", "", name))
    if file.content_id:
        part.add_header("Content-ID", f"<{file.content_id}>")
    return part
