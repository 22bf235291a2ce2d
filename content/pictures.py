"""An article's picture: checked, re-encoded without metadata, and stored in several sizes."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from site_config.pictures import Wanted, read_picture

FOLDER = "blog"
MIN_WIDTH = 600
FULL_WIDTH = 1200
NARROWER = (480, 800)
WANTED = Wanted(
    formats=("JPEG", "PNG", "WEBP"),
    max_bytes=10_000_000,
    box=(FULL_WIDTH, FULL_WIDTH * 4),
    min_width=MIN_WIDTH,
    min_height=1,
    max_ratio=4,  # at its smallest it is still 480 × 120
)


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
    """Check and re-encode an upload; raises ValidationError with the reason.

    The name comes from the upload's bytes: the same picture stored twice is one set of files.
    """
    image = _on_white(read_picture(upload, WANTED))
    upload.seek(0)
    name = name_of(upload.read())
    stem = name.rpartition(".")[0]
    files = {name: _encoded(image, "JPEG", quality=84, progressive=True, optimize=True)}
    for width in widths(image.width):
        height = round(image.height * width / image.width)
        smaller = image.resize((width, height), Image.Resampling.LANCZOS) if width < image.width else image
        files[f"{stem}-{width}.webp"] = _encoded(smaller, "WEBP", quality=80, method=4)
    return Picture(name=name, width=image.width, height=image.height, files=files)


def name_of(source: bytes) -> str:
    """The name under which a file's picture is stored, whatever the file is called."""
    return f"{FOLDER}/{hashlib.sha256(source).hexdigest()[:20]}.jpg"


def store(picture: Picture) -> str:
    """Write the files that are missing; return the name to keep in the article."""
    for name, content in picture.files.items():
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(content))
    return picture.name


def remove(name: str, width: int) -> None:
    """Delete a picture in all its sizes; missing files do not matter."""
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


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()
