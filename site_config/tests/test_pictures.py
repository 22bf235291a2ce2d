"""Uploads of every shape and depth: shown right or refused in words, at a bounded price."""

import io
import struct
import subprocess
import sys
import zlib
from time import process_time
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from content import pictures as blog
from mailer.composing import picture_files
from people.avatar import make_avatar
from site_config.pictures import read_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image, image_format="PNG", **options):
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def flat(size, mode="RGB", color=0, image_format="PNG", **options):
    return encoded(Image.new(mode, size, color), image_format, **options)


def png(width, height, *, depth=8, color=0):
    """A black PNG, made a few rows at a time: Pillow would need the memory that it is to save."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(width * depth // 8 * {0: 1, 6: 4}[color])
    at_once = max(1, 1_000_000 // len(row))
    squeeze = zlib.compressobj()
    rows = b"".join(squeeze.compress(row * min(at_once, height - at)) for at in range(0, height, at_once))
    rows += squeeze.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def avatar(source):
    return Image.open(make_avatar(SimpleUploadedFile("me", source)))


def article(source):
    ready = blog.prepare(io.BytesIO(source))
    return Image.open(io.BytesIO(ready.files[ready.name]))


def letter(source):
    """As a message shows it."""
    data, _ending = picture_files.encoded(read_picture(io.BytesIO(source), picture_files.WANTED))
    return Image.open(io.BytesIO(data))


KINDS = (avatar, article, letter)


def refusal(read, source):
    with pytest.raises(ValidationError) as refused:
        read(source)
    return refused.value.code


@pytest.mark.parametrize(
    ("size", "as_avatar", "as_article", "in_message"),
    [
        ((5000, 3), "too_small", "too_long", (1200, 1)),
        ((3, 5000), "too_small", "too_small", (3, 4800)),
        ((600, 20_000), "too_large", "too_large", "too_large"),
        ((600, 9_000), (256, 256), "too_long", (320, 4800)),
        ((9_000, 1_300), (256, 256), "too_long", (1200, 173)),
        ((4_000, 1_000), (256, 256), (1200, 300), (1200, 300)),
        ((700, 2_800), (256, 256), (700, 2_800), (700, 2_800)),
        ((1, 1), "too_small", "too_small", (1, 1)),
        ((100, 300), (100, 100), "too_small", (100, 300)),
        ((300, 100), (100, 100), "too_small", (300, 100)),
        ((3_500, 3_500), "too_large", "too_large", "too_large"),
        ((3_464, 3_464), (256, 256), (1200, 1200), (1200, 1200)),
    ],
)
def test_every_shape_is_shown_right_or_refused(size, as_avatar, as_article, in_message):
    source = png(*size)
    for read, expected in ((avatar, as_avatar), (article, as_article), (letter, in_message)):
        if isinstance(expected, str):
            assert refusal(read, source) == expected
        else:
            assert read(source).size == expected


GREY, RED, WHITE = (120, 120, 120), (254, 0, 0), (255, 255, 255)


def depths():
    yield "1", flat((640, 640), "1", 1), WHITE
    yield "L", flat((640, 640), "L", 120), GREY
    yield "L with one grey transparent", flat((640, 640), "L", 120, transparency=120), WHITE
    yield "LA", flat((640, 640), "LA", (120, 255)), GREY
    yield "I;16", encoded(Image.new("I", (640, 640), 120 * 257).convert("I;16")), GREY
    yield "16 bits, RGBA", png(640, 640, depth=16, color=6), WHITE
    palette = Image.new("P", (640, 640), 1)
    palette.putpalette([0, 0, 0, *RED])
    yield "P", encoded(palette), RED
    yield "P with alpha", encoded(palette, transparency=bytes([255, 0])), WHITE
    yield "RGB with one colour transparent", flat((640, 640), "RGB", RED, transparency=RED), WHITE
    yield "RGBA", flat((640, 640), "RGBA", (*RED, 0)), WHITE
    yield "CMYK", flat((640, 640), "CMYK", (0, 0, 0, 135), "JPEG", quality=95), GREY
    frames = [Image.new("RGB", (640, 640), color) for color in (RED, WHITE, GREY)]
    for kind in ("WEBP", "PNG"):
        yield f"animated {kind}", encoded(frames[0], kind, save_all=True, append_images=frames[1:]), RED


@pytest.mark.parametrize(("source", "color"), [pytest.param(s, c, id=name) for name, s, c in depths()])
def test_every_depth_is_shown_in_its_colours(source, color):
    shown: Any = article(source).convert("RGB").getpixel((300, 300))
    assert max(abs(a - b) for a, b in zip(shown, color, strict=True)) <= 3
    for read in (avatar, letter):
        layer = read(source).convert("RGBA")
        paper = Image.new("RGBA", layer.size, WHITE)
        shown = Image.alpha_composite(paper, layer).convert("RGB").getpixel((100, 100))
        assert max(abs(a - b) for a, b in zip(shown, color, strict=True)) <= 6


def test_an_animated_gif_is_its_first_frame():
    frames = [Image.new("RGB", (640, 640), color) for color in ("red", "blue")]
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for read in (avatar, letter):
        assert max(read(source).convert("RGB").getpixel((9, 9))) > 240
    assert refusal(article, source) == "no_picture"


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_camera_held_in_any_way_shows_the_picture_upright(turn):
    """The upper left quarter is red once the picture is upright."""
    upright = Image.new("RGB", (800, 640), "blue")
    upright.paste("red", (0, 0, 400, 320))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose members that make the stored picture
    stored = upright.transpose(Image.Transpose(undo[turn])) if turn in undo else upright
    exif = Image.Exif()
    exif[0x0112] = turn
    shown = article(encoded(stored, "JPEG", exif=exif, quality=95)).convert("RGB")
    assert shown.size == (800, 640)
    assert [shown.getpixel(at)[0] > 200 for at in ((50, 50), (750, 50), (50, 590), (750, 590))] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0"])
def test_notes_that_cannot_be_read_do_not_spoil_a_photo(exif):
    assert article(flat((640, 640), color="red", image_format="JPEG", exif=exif)).size == (640, 640)


def profile(red, green, blue):
    """The smallest colour profile (ICC.1:2001-04) of a linear display with these primaries."""

    def fixed(*numbers):
        return struct.pack(f">{len(numbers)}i", *(round(number * 65_536) for number in numbers))

    white = (0.9642, 1.0, 0.8249)
    tags = [
        (name, b"XYZ \0\0\0\0" + fixed(*at))
        for name, at in zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), (white, red, green, blue), strict=True)
    ]
    tags += [(name, b"curv" + bytes(8)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags:
        table += name + struct.pack(">II", at + len(data), len(value))
        data += value
    head = b"\0\0\0\0\x02\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + fixed(*white) + bytes(48)
    return struct.pack(">I", at + len(data)) + head + struct.pack(">I", len(tags)) + table + data


# The colorants of sRGB (IEC 61966-2-1), seen from D50.
OF_SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


@pytest.mark.parametrize("read", KINDS)
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_colours_are_those_of_the_picture_s_profile(read, image_format):
    """What this profile calls red is the green of everybody else."""
    swapped = profile(OF_SRGB[1], OF_SRGB[0], OF_SRGB[2])
    source = flat((640, 640), "RGB", (255, 0, 0), image_format, icc_profile=swapped)
    shown: Any = read(source).convert("RGB").getpixel((100, 100))
    assert max(abs(a - b) for a, b in zip(shown, (0, 255, 0), strict=True)) <= 12


@pytest.mark.parametrize("icc", [b"nonsense", b"\0" * 200, profile(*OF_SRGB)[:150]])
def test_a_profile_that_cannot_be_read_does_not_spoil_a_picture(icc):
    shown: Any = letter(flat((64, 64), "RGB", RED, icc_profile=icc)).getpixel((9, 9))
    assert max(abs(a - b) for a, b in zip(shown, RED, strict=True)) <= 6


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="640"><script>alert(1)</script></svg>'


@pytest.mark.parametrize("read", KINDS)
def test_what_could_run_script_is_no_picture(read):
    for source in (
        SVG,
        b"<?xml version='1.0'?>" + SVG,
        b"<!doctype html><script>1</script>",
        b"%PDF-1.4",
        b"",
    ):
        assert refusal(read, source) == "no_picture"


@pytest.mark.parametrize("read", KINDS)
def test_nothing_that_hides_in_a_picture_comes_out(read):
    """A file that is a picture and a page or an archive as well, and what cameras and programs note in it."""
    note = PngInfo()
    note.add_text("Comment", "<script>note</script>")
    exif = Image.Exif()
    exif[0x010E] = "<script>camera</script>"
    plain = Image.new("RGB", (640, 640), "red")
    for source in (
        encoded(plain, "PNG", pnginfo=note) + b"<script>behind</script>PK\3\4",
        encoded(plain, "JPEG", exif=exif, comment=b"<script>note</script>", icc_profile=SRGB) + b"<script>",
        encoded(plain, "WEBP", exif=exif, xmp=b"<script>xmp</script>"),
    ):
        shown = read(source)
        shown.fp.seek(0)
        data = shown.fp.read()
        assert b"script" not in data
        assert b"PK\3\4" not in data
        assert "icc_profile" not in shown.info


def test_ten_thousand_frames_cost_as_much_as_one():
    head = encoded(Image.new("P", (32, 32)), "GIF")
    frame = head[head.index(b"\x2c") : -1]
    source = head[:-1] + frame * 10_000 + b";"
    before = process_time()
    for read in (avatar, letter):
        assert read(source).size == (32, 32)
    assert process_time() - before < 1  # a bound on the order, not a benchmark


def shown_or_refused(read, source):
    try:
        return read(source).size in ((256, 256), (640, 640))
    except ValidationError as error:
        return error.code in {"no_picture", "too_large", "too_small", "too_long"}


@pytest.mark.parametrize("read", KINDS)
def test_a_picture_cut_off_or_broken_anywhere_is_refused(read):
    noise = Image.effect_noise((640, 640), 80)
    for image_format in ("PNG", "JPEG", "WEBP"):
        source = encoded(noise, image_format)
        for at in range(0, len(source) * 3 // 4, len(source) // 7):
            assert refusal(read, source[:at]) == "no_picture"
            broken = source[:at] + b"\xff\x00\x80" * 40 + source[at + 120 :]
            assert shown_or_refused(read, broken)


WEIGH = """
import re, sys, time
from pathlib import Path
import django
django.setup()
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from io import BytesIO
from content.pictures import prepare
from mailer.composing.picture_files import WANTED, encoded
from people.avatar import make_avatar
from site_config.pictures import read_picture
source = sys.stdin.buffer.read()
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before, began = peak(), time.process_time()
for read in (lambda: make_avatar(SimpleUploadedFile("x", source)), lambda: prepare(BytesIO(source)),
             lambda: encoded(read_picture(BytesIO(source), WANTED))):
    try:
        read()
    except ValidationError:
        pass
print((peak() - before) / 1024, time.process_time() - began)
"""


def weighed(source):
    """MB and seconds of processor that a process of its own takes for the picture, as each kind."""
    done = subprocess.run(
        [sys.executable, "-c", WEIGH],
        input=source,
        capture_output=True,
        check=True,
        cwd=settings.BASE_DIR,
    )
    return tuple(float(word) for word in done.stdout.split())


def webp(side):
    return flat((side, side), "L", 0, "WEBP", lossless=True)


def veil():
    """A WebP of a smooth picture behind noise, which keeps a PNG's compression searching."""
    bands = [Image.linear_gradient("L").resize((1200, 4800)) for _ in range(3)]
    noise = Image.effect_noise((1200, 4800), 30)
    return encoded(Image.merge("RGBA", [*bands, noise]), "WEBP", quality=30, method=0)


@pytest.mark.once
@pytest.mark.parametrize(
    ("make", "most_mb", "most_seconds"),
    [
        pytest.param(lambda: png(1, 39_000_000, depth=8), 5, 0.5, id="a thread of 39 million pixels"),
        pytest.param(lambda: webp(6_300), 5, 0.5, id="a WebP of 1 kB and 40 million pixels"),
        pytest.param(lambda: webp(3_464), 260, 6, id="the largest WebP that is taken"),
        pytest.param(lambda: png(3_464, 3_464, depth=16, color=6), 260, 6, id="the largest deep PNG"),
        pytest.param(veil, 260, 6, id="a smooth picture behind noise"),
    ],
)
def test_no_upload_takes_much_memory_or_time(make, most_mb, most_seconds, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "site_config.settings")
    mb, seconds = weighed(make())
    assert mb < most_mb
    assert seconds < most_seconds
