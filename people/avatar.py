"""Profile pictures: an upload becomes a small re-encoded square, or is refused with a reason."""

import uuid
from io import BytesIO
from typing import IO, cast

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile

from site_config.pictures import Wanted, read_picture

SIDE = 256  # pixels
WANTED = Wanted(
    formats=("JPEG", "PNG", "WEBP", "GIF"),
    max_bytes=5_000_000,
    box=(SIDE, SIDE),
    fill=True,
    min_width=16,
    min_height=16,
)


def make_avatar(upload: UploadedFile) -> ContentFile:  # type: ignore[type-arg]  # not subscriptable
    """Return the picture as a WebP square under a name of its own; raises ValidationError."""
    square = read_picture(cast("IO[bytes]", upload), WANTED)
    out = BytesIO()
    square.save(out, "WEBP", quality=85)
    return ContentFile(out.getvalue(), name=f"{uuid.uuid4().hex}.webp")
