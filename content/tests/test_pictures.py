import io
import zlib
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from PIL import Image

from content import pictures
from testing.articles import SVG, picture


def prepared(source: bytes) -> pictures.Picture:
    return pictures.prepare(io.BytesIO(source))


def code(source: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        prepared(source)
    return refused.value.code


def test_a_picture_is_kept_in_several_sizes_of_its_own():
    ready = prepared(picture((1600, 900)))
    assert (ready.width, ready.height) == (1200, 675)
    sizes = {
        name.rpartition("/")[2][20:]: Image.open(io.BytesIO(data)).size for name, data in ready.files.items()
    }
    assert sizes == {
        ".jpg": (1200, 675),
        "-480.webp": (480, 270),
        "-800.webp": (800, 450),
        "-1200.webp": (1200, 675),
    }


def test_a_narrow_picture_is_not_blown_up():
    assert sorted(name[25:] for name in prepared(picture((640, 640))).files) == [
        "-480.webp",
        "-640.webp",
        ".jpg",
    ]


def test_what_else_the_file_held_is_gone():
    exif = Image.Exif()
    exif[0x010E] = "taken at home, 55.75 N 37.61 E"
    source = picture((800, 600), "JPEG", exif=exif) + b"<?php system($_GET['x']); ?>"
    for data in prepared(source).files.values():
        assert b"taken at home" not in data
        assert b"<?php" not in data


def test_a_photo_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    ready = prepared(picture((900, 700), "JPEG", exif=exif))
    assert (ready.width, ready.height) == (700, 900)


def test_what_is_transparent_becomes_white():
    ready = prepared(picture((600, 400), color=(0, 0, 0, 0), mode="RGBA"))
    assert Image.open(io.BytesIO(ready.files[ready.name])).getpixel((5, 5)) == (255, 255, 255)


def test_thirty_megapixels_are_refused_before_they_are_unpacked(monkeypatch):
    source = picture((6000, 5000), mode="L", color=0)
    assert len(source) < 100_000
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was unpacked"))
    assert code(source) == "too_large"


def test_a_decompression_bomb_is_refused():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") + (60_000).to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    assert code(bomb) == "too_large"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        SVG,
        b"MZ\x90\x00\x03\x00\x00\x00" + b"\0" * 500,
        b"\x7fELF" + b"\0" * 500,
        b"GIF89a" + b"\0" * 50,
        b"<html><body>hello</body></html>",
        b"\x89PNG\r\n\x1a\n",
        pytest.param(picture((900, 600), "GIF"), id="a real GIF"),
        pytest.param(picture((900, 600), "TIFF"), id="a real TIFF"),
        pytest.param(picture((900, 600), "PNG", color="red")[:200], id="cut off"),
        pytest.param(picture((900, 600), "JPEG")[:900], id="cut off JPEG"),
    ],
)
def test_what_is_no_picture_is_refused(source):
    assert code(source) == "no_picture"


def test_a_small_one_and_a_heavy_one_are_refused():
    assert code(picture((599, 400))) == "too_small"
    assert code(picture((800, 600)) + b"\0" * pictures.WANTED.max_bytes) == "too_heavy"


def test_the_same_picture_twice_is_one_set_of_files(settings):
    for _ in range(2):
        name = pictures.store(prepared(picture()))
    folder = Path(settings.MEDIA_ROOT) / "blog"
    assert sorted(path.name[20:] for path in folder.iterdir()) == ["-480.webp", "-800.webp", ".jpg"]
    pictures.remove(name, 800)
    pictures.remove(name, 800)
    assert list(folder.iterdir()) == []
