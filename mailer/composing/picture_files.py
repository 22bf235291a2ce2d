"""Pictures for messages: checked, re-encoded, and shown by absolute addresses."""

import hashlib
import re
from io import BytesIO
from typing import IO, Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from PIL import Image

from mailer.composing.blocks.mjml import Shown
from mailer.composing.mime_files import File
from mailer.composing.room import refuse_without_room
from mailer.models import Picture
from people.models import User
from site_config.pictures import Wanted, read_picture

FOLDER = "messages"
WANTED = Wanted(
    formats=("JPEG", "PNG", "WEBP", "GIF"),
    max_bytes=10_000_000,
    box=(1200, 4800),
    min_width=1,
    min_height=1,
)
# Drawn for this project: ready messages show them, and anybody may use them.
OURS = {
    "ours:letter": ("letter", _("A letter on a table")),
    "ours:event": ("event", _("Lanterns over an evening garden")),
    "ours:offer": ("offer", _("Parcels with a ribbon")),
    "ours:news": ("news", _("Hills in the morning sun")),
}
OURS_WIDTH = 1200
INSIDE = "@picture"
_INSIDE = re.compile(rf"cid:([0-9a-f]{{32}}\.(?:jpg|png)){INSIDE}")


def keep_picture(*, owner: User, upload: IO[bytes], name: str) -> Picture:
    """Check an upload and store its re-encoded picture; raises ValidationError with the reason."""
    image = read_picture(upload, WANTED)
    upload.seek(0)
    digest = hashlib.sha256(b"%d:" % owner.pk + upload.read()).hexdigest()[:32]
    data, ending = encoded(image)
    file = f"{digest}.{ending}"
    path = f"{FOLDER}/{file}"
    if not default_storage.exists(path):
        refuse_without_room(owner_id=owner.pk, size=len(data))
        default_storage.save(path, ContentFile(data))
    picture, _made = Picture.objects.get_or_create(
        owner=owner,
        file=file,
        defaults={
            "name": _short(name), "width": image.width, "height": image.height, "size": len(data),
        },
    )  # fmt: skip
    return picture


def remove_picture(picture: Picture) -> None:
    picture.delete()
    default_storage.delete(f"{FOLDER}/{picture.file}")


def _short(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:100] or "?"


def encoded(image: Image.Image) -> tuple[bytes, str]:
    out = BytesIO()
    if image.mode == "RGBA":
        image.save(out, "PNG", compress_level=4)  # a higher one takes 25 seconds for some pictures
        return out.getvalue(), "png"
    image.save(out, "JPEG", quality=84, progressive=True, optimize=True)
    return out.getvalue(), "jpg"


def address_of(picture: Picture) -> str:
    return f"{settings.SITE_URL}{reverse('message_picture', args=[picture.file])}"


def inside(picture: Picture) -> str:
    """The address of a picture that is embedded in the mail (RFC 2392)."""
    return f"cid:{picture.file}{INSIDE}"


def pictures_inside(html: str) -> list[File]:
    """The pictures that a mail embeds; one that was deleted meanwhile is left out."""
    found = []
    for name in dict.fromkeys(_INSIDE.findall(html)):
        try:
            with default_storage.open(f"{FOLDER}/{name}") as file:
                data = file.read()
        except OSError:
            continue
        kind = "image/jpeg" if name.endswith("jpg") else "image/png"
        found.append(File(name=name, content_type=kind, data=data, content_id=name + INSIDE))
    return found


def as_page(html: str) -> str:
    """A mail's HTML as this site can show it: with the addresses of its embedded pictures."""

    def address(match: re.Match[str]) -> str:
        return f"{settings.SITE_URL}{reverse('message_picture', args=[match[1]])}"

    return _INSIDE.sub(address, html)


def pictures_of(owner: User) -> dict[str, Shown]:
    """All pictures that this user's messages may show, by the value a block stores."""
    found = {
        str(row.pk): Shown(address_of(row), row.width, "", inside(row))
        for row in Picture.objects.owned_by(owner)
    }
    return {**found, **ours()}


def ours() -> dict[str, Shown]:
    return {
        key: Shown(urljoin(f"{settings.SITE_URL}/", static(f"img/messages/{file}.jpg")), OURS_WIDTH, str(alt))
        for key, (file, alt) in OURS.items()
    }


def choices_of(owner: User) -> list[Any]:
    """For a select: none, one's own with the latest first, then ours."""
    own = [
        (str(row.pk), f"{row.name} ({row.width} × {row.height})")
        for row in Picture.objects.owned_by(owner)[:200]
    ]
    return [
        ("", _("No picture")),
        (_("Yours"), own),
        (_("Ours"), [(key, alt) for key, (_f, alt) in OURS.items()]),
    ]
