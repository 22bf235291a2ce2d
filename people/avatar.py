"""Profile pictures: whatever is uploaded becomes a small square made anew, or is refused with a reason."""

import uuid
from io import BytesIO
from typing import IO, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

SIDE = 256  # pixels
PIXELS_LIMIT = 40_000_000  # a few kilobytes can claim to be gigabytes of pixels
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


def make_avatar(upload: UploadedFile) -> ContentFile:  # type: ignore[type-arg]  # not subscriptable
    """Return the picture as a WebP square under a name of its own; ValidationError if it is none.

    Only the header is read before the size is known; nothing of the upload's metadata is kept.
    """
    if (upload.size or 0) > settings.AVATAR_LIMIT_BYTES:
        raise ValidationError(
            _("The picture is larger than %(limit)s MB. Choose a smaller one."),
            params={"limit": settings.AVATAR_LIMIT_BYTES // 1_000_000},
        )
    try:
        square = _square(cast(IO[bytes], upload))
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise ValidationError(_("This is no picture we can read. Use JPEG, PNG, WebP or GIF.")) from error
    out = BytesIO()
    square.save(out, "WEBP", quality=85)
    return ContentFile(out.getvalue(), name=f"{uuid.uuid4().hex}.webp")


def _square(upload: IO[bytes]) -> Image.Image:
    with Image.open(upload, formats=FORMATS) as image:
        if image.width * image.height > PIXELS_LIMIT:
            raise ValueError("too many pixels")
        image.draft("RGB", (SIDE * 2, SIDE * 2))  # lets a JPEG be decoded small
        image.load()
        upright = ImageOps.exif_transpose(image)
        return ImageOps.fit(upright.convert("RGBA"), (SIDE, SIDE), Image.Resampling.LANCZOS)
