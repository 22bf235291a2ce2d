"""Uploaded pictures: measured before anything is decoded, and scaled down while decoding.

A few kilobytes can claim to be gigabytes of pixels, and every format has odd depths and shapes. Whatever
comes is shown correctly or refused in words; a picture is never enlarged.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

MAX_PIXELS = 12_000_000
MAX_SIDE = 10_000
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_THEIR_SIDE = (5, 6, 7, 8)
Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a place accepts, and the box that a picture must fit into, or fill and be cropped to."""

    formats: Sequence[str]
    max_bytes: int
    box: Size
    fill: bool = False
    min_width: int
    min_height: int
    max_ratio: float | None = None  # of the longer side to the shorter one


def read_picture(upload: IO[bytes], wanted: Wanted) -> Image.Image:
    """Only the pixels: upright, RGB or RGBA, no larger than wanted. Raises ValidationError."""
    upload.seek(0)
    source = upload.read(wanted.max_bytes + 1)
    if len(source) > wanted.max_bytes:
        raise ValidationError(
            _("The picture is larger than %(limit)s MB. Choose a smaller one."),
            params={"limit": wanted.max_bytes // 1_000_000},
            code="too_heavy",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken camera data is no reason to refuse
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _read(source, wanted)
    except ValidationError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except Exception as error:  # decoders may raise anything for a broken file
        raise ValidationError(
            _("We cannot read this picture. Use %(formats)s."),
            params={"formats": ", ".join(wanted.formats)},
            code="no_picture",
        ) from error


def _read(source: bytes, wanted: Wanted) -> Image.Image:
    with Image.open(BytesIO(source), formats=tuple(wanted.formats)) as image:
        _check_size(image.size)  # from the header: nothing has been decoded yet
        turn = _orientation(image)
        box = wanted.box[::-1] if turn in ON_THEIR_SIDE else wanted.box
        _check_shape(image.size[::-1] if turn in ON_THEIR_SIDE else image.size, wanted)
        size = _scaled(image.size, box, fill=wanted.fill)
        image.draft("RGB", size)  # a JPEG is already decoded at a reduced size
        image.load()
        small = _plain(_in_srgb(image))
    if size != small.size:
        small = small.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    if wanted.fill:
        small = ImageOps.fit(small, _scaled(box, size, fill=False))
    small = small if small.mode == "RGBA" else small.convert("RGB")
    small = small.transpose(TURNS[turn]) if turn in TURNS else small
    small.info.clear()  # a comment would be written into the new file
    return small


def _check_size(size: Size) -> None:
    if size[0] * size[1] > MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_large()


def _check_shape(size: Size, wanted: Wanted) -> None:
    if size[0] < wanted.min_width or size[1] < wanted.min_height:
        raise ValidationError(
            _("The picture must be at least %(width)s pixels wide and %(height)s high."),
            params={"width": wanted.min_width, "height": wanted.min_height},
            code="too_small",
        )
    if wanted.max_ratio and max(size) > wanted.max_ratio * min(size):
        raise ValidationError(
            _("The picture is too long: one side is more than %(ratio)s times the other. Crop it first."),
            params={"ratio": f"{wanted.max_ratio:g}"},
            code="too_long",
        )


def _too_large() -> ValidationError:
    return ValidationError(
        _("The picture has more than 12 million pixels, or more than 10,000 on a side. Make it smaller."),
        code="too_large",
    )


def _orientation(image: Image.Image) -> int:
    """How the camera was held; 1 if that is missing or unreadable."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        return int(exif.get(ORIENTATION, 1))
    except Exception:  # a photo is fine even if its metadata is unreadable
        return 1


def _scaled(size: Size, box: Size, *, fill: bool) -> Size:
    """The size that fits into a box, or just fills it: never larger than it was, and never empty."""
    shares = (box[0] / size[0], box[1] / size[1])
    share = min(1.0, max(shares) if fill else min(shares))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _in_srgb(image: Image.Image) -> Image.Image:
    """The same colours without a profile: photos of phones have their own, and so have pictures for print."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "L", "CMYK") or "transparency" in image.info:
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # a broken profile, or one of another kind of picture
        return image
    return converted or image


def _plain(image: Image.Image) -> Image.Image:
    """The same with eight bits per channel, and its transparency, if any, as a channel."""
    if image.mode.startswith("I"):  # 16-bit grey, which a conversion would clip to white
        grey = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        grey.info.pop("transparency", None)
        return grey
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
