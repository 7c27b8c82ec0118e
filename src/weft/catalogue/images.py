"""Turning encoded pictures into pixels: everything that can be shown, nothing that is damaged or dangerous."""

import hashlib
import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from PIL import Image

from weft.errors import WeftError

if TYPE_CHECKING:
    import torch

MAX_PIXELS = 50_000_000
MIN_SIDE = 8

# An allow-list, because some of Pillow's readers start other programs (EPS calls Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")

# EXIF orientation (TIFF 6.0 tag 0x0112) -> what makes the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112

# `_check_pixels` refuses large pictures with our own limit, so Pillow's warning would only be noise.
# Its complaints about EXIF go too: a picture with broken EXIF is shown as it is stored.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageError(WeftError):
    """A picture that cannot be used; the message is the short reason that `skipped.jsonl` lists."""


def fingerprint(data: bytes) -> str:
    """SHA-256 of the encoded bytes, as 64 hex digits: equal files have equal fingerprints."""
    return hashlib.sha256(data).hexdigest()


def decode(data: bytes, max_pixels: int = MAX_PIXELS, verified: bool = False) -> Image.Image:
    """An encoded picture as an upright 8-bit RGB image, with Pillow's pixels.

    The first frame of an animation is taken, EXIF orientation applied, alpha laid on white, 16-bit grey
    scaled to 8 bits. Colour profiles are not applied, as in every published encoder's preprocessing.

    Args:
        max_pixels: pictures whose header claims more are refused before anything is decoded.
        verified: `verify` passed before, so a JPEG need not be read twice: a quarter of the time.

    Raises:
        ImageError: empty, truncated, damaged, too large, or not one of `FORMATS`.
    """
    if not verified or not data:
        _check_jpeg(data, max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_pixels(*image.size, max_pixels)
            image.load()
            return _upright(_to_rgb(image), _orientation(image))
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(f"damaged, or not a picture in a known format ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise ImageError("more pixels than Pillow's own limit") from None
    # Damaged bytes make Pillow's readers raise nearly anything (SyntaxError, struct.error, KeyError ...).
    except Exception as error:
        raise ImageError(_reason(str(error) or type(error).__name__)) from None


def check(image: Image.Image, min_side: int = MIN_SIDE) -> None:
    """Raises `ImageError` ("too small (1x1)") if a side is shorter than `min_side` pixels."""
    _check_side(*image.size, min_side)


def verify(data: bytes, min_side: int = MIN_SIDE, max_pixels: int = MAX_PIXELS) -> None:
    """Raises `ImageError` exactly when `decode` or `check` would; several times faster for JPEG.

    JPEGs are read to their last byte but only their brightness is made into pixels.
    """
    size = _check_jpeg(data, max_pixels)
    if size:
        _check_side(*size, min_side)
    else:
        check(decode(data, max_pixels), min_side)


def jpeg(image: Image.Image, side: int, quality: int = 85) -> bytes:
    """A picture for a page or a judge: at most `side` pixels wide and high, made smaller in place if need be.

    Written from bare pixels. Pillow would copy a comment into the new file, and that is text which a stranger wrote.
    """
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    coded = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(coded, "JPEG", quality=quality, optimize=True)
    return coded.getvalue()


def decode_fast(data: bytes, height: int, width: int, resample: str = "bilinear") -> "torch.Tensor":
    """A picture as a uint8 tensor (3, height, width), squeezed to that size; for training only.

    JPEGs go through simplejpeg and torch's antialiased interpolation on uint8: about four times as fast as
    Pillow, and on average within 0.2 of its 256 levels (at hard edges bicubic may be off by ten, where Pillow
    clips between its two passes). Evaluation uses the model's own PIL processor.

    Args:
        resample: "bilinear" or "bicubic".

    Raises:
        ImageError: as `decode`.
    """
    import torch
    import torch.nn.functional as F

    pixels = torch.from_numpy(_fast_pixels(data)).permute(2, 0, 1)[None]  # (1, 3, h, w), channels last
    return F.interpolate(pixels, (height, width), mode=resample, antialias=True)[0].contiguous()


def _fast_pixels(data: bytes) -> np.ndarray:
    """(h, w, 3) uint8; simplejpeg where it gives what `decode` gives, `decode` elsewhere."""
    if _is_jpeg(data) and not _maybe_rotated(data):
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
            if colours in _PLAIN_COLOURS and height * width <= MAX_PIXELS:
                return simplejpeg.decode_jpeg(data, "RGB")
        except ValueError:
            pass  # `decode` says what is wrong
    return np.array(decode(data))


_PLAIN_COLOURS = ("YCbCr", "RGB", "Gray")


def _is_jpeg(data: bytes) -> bool:
    return data[:2] == b"\xff\xd8"


def _maybe_rotated(data: bytes) -> bool:
    if b"Exif\0\0" not in data and b"tiff:Orientation" not in data:
        return False
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return _orientation(image) in _UPRIGHT
    except Exception:  # as in `decode`, which will give the reason
        return True


def _check_jpeg(data: bytes, max_pixels: int) -> tuple[int, int] | None:
    """(width, height) as it will be decoded if `data` is a sound JPEG, None if it is no JPEG.

    Pillow lets damaged JPEGs pass with grey areas where the data ended; simplejpeg reports them. Sides may be
    swapped by EXIF, which is of no matter to the checks.
    """
    if not data:
        raise ImageError("empty")
    if not _is_jpeg(data):
        return None
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        _check_pixels(width, height, max_pixels)
        simplejpeg.decode_jpeg(data, "GRAY", min_factor=8)
    except ValueError as error:
        raise ImageError(_reason(str(error))) from None
    return width, height


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(f"{width}x{height} is more than {max_pixels} pixels")


def _check_side(width: int, height: int, min_side: int) -> None:
    if min(width, height) < min_side:
        raise ImageError(f"too small ({width}x{height})")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError("32-bit pixels")
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))  # Pillow's own would clip
    elif image.mode == "F":
        raise ImageError("floating-point pixels")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # unreadable EXIF must not cost a readable picture
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _reason(message: str) -> str:
    """A library's message, led by "truncated" or "damaged" so that reasons can be counted."""
    cut = any(sign in message.lower() for sign in ("truncated", "premature end", "unexpected end"))
    return f"{'truncated' if cut else 'damaged'} ({' '.join(message.split())[:120]})"
