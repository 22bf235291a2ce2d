"""An article's picture: checked, re-encoded without what else the file held, and kept in several sizes."""

import hashlib
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

FOLDER = "blog"
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 24_000_000
MIN_WIDTH = 600
FULL_WIDTH = 1200
NARROWER = (480, 800)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture that passed the checks, ready to be stored."""

    name: str
    width: int
    height: int
    files: dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a template needs to show a stored picture."""

    src: str
    srcset: str
    width: int
    height: int
    alt: str


def prepare(upload: IO[bytes]) -> Picture:
    """Check and re-encode an upload; ValidationError says what is wrong with it.

    The name comes from the upload's bytes: the same picture stored twice is one set of files.
    """
    upload.seek(0)
    source = upload.read(MAX_BYTES + 1)
    if len(source) > MAX_BYTES:
        raise ValidationError(_("The file is larger than 10 MB."), code="too_heavy")
    image = _decoded(source)
    name = name_of(source)
    stem = name.rpartition(".")[0]
    files = {name: _encoded(image, "JPEG", quality=84, progressive=True, optimize=True)}
    for width in widths(image.width):
        height = round(image.height * width / image.width)
        smaller = image.resize((width, height), Image.Resampling.LANCZOS) if width < image.width else image
        files[f"{stem}-{width}.webp"] = _encoded(smaller, "WEBP", quality=80, method=4)
    return Picture(name=name, width=image.width, height=image.height, files=files)


def name_of(source: bytes) -> str:
    """The name under which the picture in a file is stored, whatever the file is called."""
    return f"{FOLDER}/{hashlib.sha256(source).hexdigest()[:20]}.jpg"


def store(picture: Picture) -> str:
    """Write the files that are not there yet; return the name to keep in the article."""
    for name, content in picture.files.items():
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(content))
    return picture.name


def remove(name: str, width: int) -> None:
    """Delete a picture with all its sizes; those already gone do not matter."""
    for file in (name, *_variants(name, width).values()):
        default_storage.delete(file)


def shown(name: str, width: int | None, height: int | None, alt: str) -> Shown | None:
    if not name or not width or not height:
        return None
    variants = _variants(name, width)
    srcset = ", ".join(f"{default_storage.url(file)} {size}w" for size, file in variants.items())
    return Shown(src=default_storage.url(name), srcset=srcset, width=width, height=height, alt=alt)


def widths(full: int) -> list[int]:
    return [*(width for width in NARROWER if width < full), full]


def _variants(name: str, full: int) -> dict[int, str]:
    stem = name.rpartition(".")[0]
    return {width: f"{stem}-{width}.webp" for width in widths(full)}


def _decoded(source: bytes) -> Image.Image:
    """Pixels only: turned upright, on white, at most FULL_WIDTH wide."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(BytesIO(source), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _no_picture() from error
    # The header tells the size; nothing was decoded yet.
    if image.width * image.height > MAX_PIXELS:
        raise _too_large()
    try:
        image.draft("RGB", (FULL_WIDTH * 2, FULL_WIDTH * 2))
        upright = ImageOps.exif_transpose(image)
        if upright.width < MIN_WIDTH:
            raise ValidationError(_("The picture must be at least 600 pixels wide."), code="too_small")
        upright.thumbnail((FULL_WIDTH, FULL_WIDTH * 2), Image.Resampling.LANCZOS)
        return _on_white(upright)
    except (OSError, SyntaxError, ValueError) as error:
        raise _no_picture() from error


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGB", layer.size, "white")
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def _too_large() -> ValidationError:
    return ValidationError(
        _("The picture has more than 24 million pixels. Make it smaller."), code="too_large"
    )


def _no_picture() -> ValidationError:
    return ValidationError(_("This is not a JPEG, PNG or WebP picture, or it is damaged."), code="no_picture")
