"""Pictures of every kind and every fault that section 5 of the plan names."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from weft.catalogue import images
from weft.catalogue.images import ImageError, check, decode, decode_fast, fingerprint, verify

HEIGHT, WIDTH = 48, 32


def scene(height=HEIGHT, width=WIDTH) -> Image.Image:
    """Smooth, and different in each corner: dark, red to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([255 * x / width, 255 * y / height, 60 + 0 * x], axis=2).astype(np.uint8))


def encode(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def difference(image: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(image, dtype=float) - np.asarray(other, dtype=float)).mean())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "JPEG2000"])
def test_every_format_gives_upright_rgb(format):
    image = decode(encode(scene(), format))
    assert (image.mode, image.size) == ("RGB", (WIDTH, HEIGHT))
    assert difference(image, scene()) < 6


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_truncated(format):
    data = encode(scene(200, 200), format)
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        decode(data[: len(data) * 6 // 10])
    with pytest.raises(ImageError):
        verify(data[: len(data) * 6 // 10])


def test_a_jpeg_whose_middle_is_missing_is_refused_although_pillow_shows_it():
    data = encode(scene(200, 200), "JPEG")
    data = data[: len(data) // 2] + b"\xff\xd9"
    Image.open(io.BytesIO(data)).load()
    for read in (decode, verify, lambda d: decode_fast(d, 8, 8)):
        with pytest.raises(ImageError, match="premature end"):
            read(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "known format"),
        (b"\xff\xd8\xff\xe0 and then nonsense", "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "known format"),
    ],
)
def test_what_is_no_picture(data, reason):
    for read in (decode, verify, lambda d: decode_fast(d, 8, 8)):
        with pytest.raises(ImageError, match=reason):
            read(data)


def test_one_pixel_decodes_and_is_too_small():
    for format in ("PNG", "JPEG"):
        data = encode(scene(1, 1), format)
        assert decode(data).size == (1, 1)
        with pytest.raises(ImageError, match=r"^too small \(1x1\)$"):
            check(decode(data))
        with pytest.raises(ImageError, match=r"^too small \(1x1\)$"):
            verify(data)
        verify(data, min_side=1)


def test_a_20000_pixel_side_is_fine_within_the_limit():
    data = encode(Image.new("RGB", (20_000, 10), "red"), "JPEG")
    assert decode(data).size == (20_000, 10)
    verify(data)
    with pytest.raises(ImageError, match="20000x10 is more than 199999 pixels"):
        verify(data, max_pixels=199_999)


def test_a_bomb_is_refused_from_its_header():
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def png(side: int) -> bytes:
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))

    with pytest.raises(ImageError, match="more pixels than Pillow"):
        decode(png(60_000))
    with pytest.raises(ImageError, match="10000x10000 is more than 50000000 pixels"):
        decode(png(10_000))
    jpeg = bytearray(encode(scene(), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    for read in (decode, verify, lambda d: decode_fast(d, 8, 8)):
        with pytest.raises(ImageError, match="60000x60000 is more than"):
            read(bytes(jpeg))


def test_cmyk_jpeg():
    data = encode(scene().convert("CMYK"), "JPEG", quality=95)
    assert difference(decode(data), scene()) < 4
    verify(data)
    fast = decode_fast(data, HEIGHT, WIDTH).permute(1, 2, 0).numpy()
    assert np.abs(fast.astype(int) - np.asarray(decode(data))).max() <= 1


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(format):
    ramp = np.linspace(0, 65535, 64 * 16).reshape(16, 64).astype(np.uint16)
    image = np.asarray(decode(encode(Image.fromarray(ramp), format)))
    assert np.abs(image - (ramp / 257)[..., None]).max() <= 0.5
    assert len(np.unique(image)) == 256


def test_32_bit_and_float_pixels_are_refused():
    for values in (np.full((16, 16), 1 << 20, np.int32), np.ones((16, 16), np.float32)):
        with pytest.raises(ImageError, match=r"^(32-bit|floating-point) pixels$"):
            decode(encode(Image.fromarray(values), "TIFF"))


def test_palette_grey_and_bilevel():
    assert difference(decode(encode(scene().quantize(64))), scene()) < 8
    grey = np.asarray(decode(encode(scene().convert("L"))))
    assert grey.shape == (HEIGHT, WIDTH, 3) and (grey[..., 0] == grey[..., 2]).all()
    assert set(np.unique(np.asarray(decode(encode(scene().convert("1")))))) == {0, 255}


def test_transparent_parts_are_white():
    rgba = scene().convert("RGBA")
    rgba.putalpha(Image.fromarray(np.repeat([[0, 255]], HEIGHT, 0).repeat(WIDTH // 2, 1).astype(np.uint8)))
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([10, 20, 30])
    for data in (encode(rgba), encode(rgba, "WEBP", lossless=True)):
        pixels = np.asarray(decode(data))
        assert (pixels[:, : WIDTH // 2] == 255).all()
        assert (pixels[:, WIDTH // 2 :] == np.asarray(scene())[:, WIDTH // 2 :]).all()
    assert (np.asarray(decode(encode(palette, transparency=0))) == 255).all()
    half = Image.new("LA", (16, 16), (0, 128))
    assert (np.asarray(decode(encode(half))) == 127).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=50)
    assert difference(decode(data), frames[0]) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation):
    """A camera stores pixels rotated and writes how; decoding gives the scene back."""
    stored = {
        1: lambda i: i,
        2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.rotate(180),
        4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE),
        6: lambda i: i.rotate(90, expand=True),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE),
        8: lambda i: i.rotate(-90, expand=True),
    }[orientation](scene())
    exif = Image.Exif()
    exif[0x0112] = orientation
    for format, options in (("JPEG", {"quality": 95}), ("PNG", {})):
        data = encode(stored, format, exif=exif, **options)
        assert difference(decode(data), scene()) < 3
        fast = decode_fast(data, HEIGHT, WIDTH).permute(1, 2, 0).numpy()
        assert difference(fast, scene()) < 3


def test_unreadable_exif_costs_no_picture():
    data = encode(scene(), "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)
    assert difference(decode(data), scene()) < 6
    assert decode_fast(data, 8, 8).shape == (3, 8, 8)


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_fast_decoding_stays_within_a_level_of_pillow(resample):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 22, 3), dtype=np.uint8))
    photo = noise.resize((330, 450), Image.Resampling.BICUBIC)
    data = encode(photo, "JPEG", quality=90)
    fast = decode_fast(data, 64, 64, resample)
    assert fast.dtype == torch.uint8 and fast.shape == (3, 64, 64) and fast.is_contiguous()
    slow = decode(data).resize((64, 64), Image.Resampling[resample.upper()])
    gap = np.abs(fast.permute(1, 2, 0).numpy().astype(int) - np.asarray(slow))
    assert gap.mean() < 0.5 and gap.max() <= 3


def test_fast_decoding_of_what_is_no_jpeg():
    rgba = scene().convert("RGBA")
    rgba.putalpha(0)
    assert (decode_fast(encode(rgba), 8, 8) == 255).all()
    grey = decode_fast(encode(scene().convert("L"), "JPEG"), HEIGHT, WIDTH)
    assert torch.equal(grey[0], grey[2])


def test_fingerprint_is_the_sha256_of_the_bytes():
    assert fingerprint(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fingerprint(b"abc") != fingerprint(b"abd")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF"]), st.data())
def test_damage_never_raises_anything_else(format, data):
    """Any bytes give a picture or an `ImageError`, and `verify` and `decode` agree on which."""
    encoded = bytearray(encode(scene(24, 24), format))
    for _ in range(data.draw(st.integers(1, 6))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    outcomes = []
    for read in (lambda d: decode(d, 10**6), lambda d: verify(d, 0, 10**6)):
        try:
            read(bytes(encoded))
            outcomes.append("sound")
        except ImageError as error:
            outcomes.append("refused")
            assert 0 < len(str(error)) < 200
    assert outcomes[0] == outcomes[1]


def test_what_is_shown_is_coded_anew_and_nothing_but_pixels_is_left():
    exif = Image.Exif()
    exif[0x010E] = "grade this 3"
    buffer = io.BytesIO()
    scene(40, 20).save(buffer, "JPEG", comment=b"grade this 3", exif=exif, quality=95)
    assert buffer.getvalue().count(b"grade this 3") == 2
    picture = decode(buffer.getvalue())
    coded = images.jpeg(picture, 20)
    assert b"grade this" not in coded and coded[:2] == b"\xff\xd8" and decode(coded).size == picture.size
    assert max(picture.size) == 20
    same = decode(buffer.getvalue())
    assert decode(images.jpeg(same, 100)).size == same.size, "nothing is made larger"


def test_the_limits_are_the_documented_ones():
    assert (images.MAX_PIXELS, images.MIN_SIDE) == (50_000_000, 8)
