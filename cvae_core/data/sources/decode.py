"""From a file's bytes to a square of pixels."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    ImageFile,
    ImageOps,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from cvae_core.data.sources.problems import RefusedImageError, last_line

DECODER = 2
"""Raised whenever equal files give other pixels; decoded images are cached under it."""

# Texts of more than 1 MB, such as the history of an edited picture, are no reason to refuse it. All
# of a file's together may still not have more than 64 MB.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
SMALLEST_SIDE = 4
_GREY = {"1", "L"}
_USABLE = {*_GREY, "LA", "P", "PA", "RGB", "RGBA", "RGBX"}


def decode(content: bytes, image_size: int, *, grey: bool) -> tuple[NDArray[np.uint8], bool]:
    """Decode an image, turn it as its EXIF orientation says, scale it and cut out its middle.

    Args:
        content: of the file.
        image_size: the shorter side is scaled to it, bilinearly and antialiased; an image that
            has it already is not.
        grey: convert to grey. Otherwise an image keeps its one channel or gets three.

    Returns:
        Pixels (C, image_size, image_size), and whether the file itself is grey: it has one colour
        channel, or a palette of which only greys are in use.

    Raises:
        RefusedImageError: it cannot be used; says why.
    """
    try:
        image, is_grey = _opened(content)
        return _square(image.convert("L" if grey or is_grey else "RGB"), image_size), is_grey
    except RefusedImageError:
        raise
    except (Image.DecompressionBombError, MemoryError):
        raise RefusedImageError("huge") from None
    except UnidentifiedImageError:
        detail = "of no format that is read here" if content else "empty"
        raise RefusedImageError("unreadable", detail) from None
    except Exception as error:  # Pillow's formats each fail in their own way
        if "MAX_TEXT" in str(error):
            raise RefusedImageError("wordy") from None
        raise RefusedImageError("unreadable", last_line(error)) from None


def _opened(content: bytes) -> tuple[Image.Image, bool]:
    """The image in a usable mode, without transparency, the right way up; whether it is grey."""
    file = Image.open(BytesIO(content), formats=FORMATS)
    image: Image.Image = file
    if image.mode.startswith(("I", "F")):
        raise RefusedImageError("deep", f"mode {image.mode}")
    if _cut_to_8_bits(file):
        raise RefusedImageError("deep", f"{image.mode} of 16 bits")
    if image.mode not in _USABLE:
        raise RefusedImageError("exotic", f"mode {image.mode}")
    if min(image.size) < SMALLEST_SIDE:
        raise RefusedImageError("small", "{}×{}".format(*image.size))
    image.load()  # before the EXIF is looked for: in a PNG it may come after the pixels
    if _has_sound_exif(file):
        image = ImageOps.exif_transpose(image)
    mode = image.mode
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        if solid.getchannel("A").getextrema() != (255, 255):
            raise RefusedImageError("transparent")
        image = image if mode in _GREY else solid
    return image, mode in {*_GREY, "LA"} or (mode in {"P", "PA"} and _has_greys_alone(image))


def _has_sound_exif(file: ImageFile.ImageFile) -> bool:
    """Whether the EXIF can be read; of one that is damaged no viewer knows how to turn it."""
    try:
        file.getexif()
    except Exception:  # it fails in many ways, and the pixels are none the worse
        return False
    return True


def _cut_to_8_bits(file: ImageFile.ImageFile) -> bool:
    """Whether a file has deeper channels than the mode that Pillow gives it."""
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        bits: tuple[int, ...] = file.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
        return max(bits) > 8
    for tile in file.tile:
        if file.format == "PNG" and str(tile.args).endswith(";16B"):
            return True
        # PPM's decoders get the raw mode and the largest value.
        if file.format == "PPM" and isinstance(tile.args, tuple) and int(tile.args[1]) > 255:
            return True
    return False


def _has_greys_alone(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels == pixels[..., :1]).all())


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    short = min(image.size)
    if short != size:
        width, height = (round(side * size / short) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = ((side - size) // 2 for side in image.size)
    pixels = np.asarray(image)[top : top + size, left : left + size]
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
