"""PIL images of every mode to a `Picture`: upright, 8 bit, sRGB, alpha apart."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image, ImageOps

from adain.errors import ImageError
from adain.images.arrays import to_uint8
from adain.images.color_profiles import to_srgb
from adain.images.picture import Picture, replace_hidden_colors

__all__ = ["decoded", "from_pil", "upright"]

# Modes that hold the same colours as another mode from which everything is known here.
STRAIGHT = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # one channel of more than 8 bits
KNOWN = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", *STRAIGHT, *DEEP)


def from_pil(image: Image.Image, name: str = "the picture", *, keep_hidden: bool = False) -> Picture:
    """Turn a PIL image of any common mode into a picture; the image itself stays as it is.

    16-bit grey is rounded to the nearest of 256 values; of 16-bit colour Pillow itself keeps the high byte.
    Mode `I` counts as 16 bit, as Pillow long used it for, mode `F` must be in [0, 1].

    Args:
        image: opened or made; loaded if it was not.
        name: what to call it in messages.
        keep_hidden: as in `adain.images.read`.

    Raises:
        ImageError: if the pixels cannot be decoded, or are of a mode or range that is not supported.
    """
    if image.mode not in KNOWN:
        raise ImageError(f"{name} is of mode {image.mode}; allowed are {', '.join(KNOWN)}; convert it first")
    if min(image.size) < 1:
        raise ImageError(f"{name} is empty ({image.width}x{image.height}); at least one pixel is needed")
    profile = image.info.get("icc_profile")
    straight = _straight(upright(decoded(image, name)), name)
    alpha = np.array(straight.getchannel("A")) if straight.mode in ("LA", "RGBA") else None
    opaque = straight.convert(straight.mode[:-1]) if alpha is not None else straight
    rgb = np.array(to_srgb(opaque, profile, name))
    if alpha is not None and not keep_hidden:
        replace_hidden_colors(rgb, alpha)
    return Picture(rgb, alpha)


def decoded(image: Image.Image, name: str) -> Image.Image:
    """The image itself, once its pixels are there; an `ImageError` if they cannot be decoded."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly every type there is on broken bytes
        raise ImageError(f"{name} is damaged or cut off ({error}); get a complete copy of it") from error
    return image


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says; one whose EXIF data cannot be read is taken as upright."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # as above: broken EXIF data raises anything, and must not cost the picture
        return image


def _straight(image: Image.Image, name: str) -> Image.Image:
    """The same picture in mode L, LA, RGB, RGBA, CMYK or LAB: alpha, if any, as a channel of its own."""
    if image.mode in DEEP:
        return _shallow(image, name)
    image = image.convert(STRAIGHT[image.mode]) if image.mode in STRAIGHT else image
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return _keyed(image).convert("LA" if image.mode in ("1", "L") else "RGBA")
    if image.mode == "P":
        return image.convert("RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _keyed(image: Image.Image) -> Image.Image:
    """The same picture, its transparent colour of 8 bits like its pixels; that of a 16-bit file has 16."""
    key = image.info["transparency"]
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _shallow(image: Image.Image, name: str) -> Image.Image:
    """One channel of 16 bits or of floats as 8 bits, a transparent value as alpha."""
    values = np.asarray(image)
    if image.mode == "I":
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(
                f"{name} holds 32-bit integers from {values.min()} to {values.max()}; "
                "allowed are 0 to 65535; scale it first"
            )
        values = values.astype(np.uint16)
    try:
        shallow = Image.fromarray(to_uint8(values))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        shallow.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return shallow
