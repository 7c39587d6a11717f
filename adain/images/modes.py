"""Convert PIL images of any mode to a `Picture`: upright, 8 bit, sRGB, with a separate alpha channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from adain.errors import ImageError
from adain.images import deep, png
from adain.images.arrays import to_uint8
from adain.images.color_profiles import to_srgb
from adain.images.exif import tiff_exif
from adain.images.metadata import Metadata
from adain.images.picture import Picture, replace_hidden_colors
from adain.images.rules import accepts_truncated
from adain.images.truncated import completed

__all__ = ["decoded", "from_pil", "to_rgb", "upright"]

# Modes that are first converted to a mode with the same colours.
STRAIGHT = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # one channel with more than 8 bits
KNOWN = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", *STRAIGHT, *DEEP)


def from_pil(image: Image.Image, name: str = "the picture", *, keep_hidden: bool = False) -> Picture:
    """Convert a PIL image of any common mode to a picture. The image is not changed.

    16-bit grey is rounded to the nearest of 256 values. For 16-bit colours, Pillow keeps the high byte. Mode `I` is
    taken as 16 bit, for which Pillow long used it. Mode `F` must be in [0, 1].

    Args:
        image: the image; it is loaded if necessary.
        name: name of the picture in messages.
        keep_hidden: as in `adain.images.read`.

    Raises:
        ImageError: the pixels cannot be decoded, or their mode or range is not supported.
    """
    exif = tiff_exif(image)
    if (values := deep.values_16(image, name)) is not None:
        return _from_16_bits(values, image, name, exif, keep_hidden=keep_hidden)
    rgb, alpha = _split(image, name)
    colors = np.array(rgb)
    if alpha is not None and not keep_hidden:
        replace_hidden_colors(colors, alpha)
    return Picture(colors, alpha, Metadata.of(image, name, exif))


def _from_16_bits(
    values: NDArray[np.uint16], image: Image.Image, name: str, exif: bytes, *, keep_hidden: bool
) -> Picture:
    """Make a picture of the pixels of an opened file that Pillow would read as 8 bits."""
    profile = png.profile(image.info, png.facts(image), name)
    values = deep.turned(values, _orientation(image))
    channels = values.shape[2] - (values.shape[2] in (2, 4))
    colors = np.ascontiguousarray(deep.to_srgb_16(values[..., :channels], profile, name))
    alpha = to_uint8(values[..., -1]) if channels < values.shape[2] else None
    if alpha is not None and not keep_hidden:
        replace_hidden_colors(colors, alpha)
    return Picture.of_16_bits(colors, alpha, Metadata.of(image, name, exif))


def to_rgb(image: Image.Image, name: str = "the picture") -> Image.Image:
    """Return the colours of `from_pil` as a PIL image. Faster for opaque pictures, without a copy to an array."""
    rgb, alpha = _split(image, name)
    return rgb if alpha is None else Image.fromarray(replace_hidden_colors(np.array(rgb), alpha))


def _split(image: Image.Image, name: str) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """Return the colours in mode RGB, and the alpha channel if there is one."""
    if image.mode not in KNOWN:
        raise ImageError(f"{name} is of mode {image.mode}; allowed are {', '.join(KNOWN)}; convert it first")
    if min(image.size) < 1:
        raise ImageError(f"{name} is empty ({image.width}x{image.height}); at least one pixel is needed")
    facts = png.facts(image)
    image = upright(decoded(image, name))
    profile = png.profile(image.info, facts, name)
    straight = _straight(image, facts.bits, name)
    if straight.mode not in ("LA", "RGBA"):
        return to_srgb(straight, profile, name), None
    opaque = straight.convert(straight.mode[:-1])
    return to_srgb(opaque, profile, name), np.array(straight.getchannel("A"))


def decoded(image: Image.Image, name: str) -> Image.Image:
    """Decode the pixels and return the image itself, or what a JPEG that is cut off has, if that is accepted.

    Raises:
        ImageError: the pixels cannot be decoded.
    """
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # on broken bytes, decoders raise nearly any type
        if accepts_truncated() and (rest := completed(image, name)) is not None:
            return rest
        hint = ", or accept what is there: --accept-truncated, `reading_rules` in Python" if _is_jpeg(image) else ""
        raise ImageError(f"{name} is damaged or cut off ({error}); get a complete copy of it{hint}") from error
    return image


def _is_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO")


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture by its EXIF orientation. If that cannot be read, the picture is taken as upright."""
    try:
        return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image
    except Exception:  # broken EXIF data raises any type, but the picture is still usable
        return image


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as above
        return 1


def _straight(image: Image.Image, bits: int | None, name: str) -> Image.Image:
    """Convert to mode L, LA, RGB, RGBA, CMYK or LAB, with transparency as an alpha channel."""
    if image.mode in DEEP:
        return _shallow(image, name)
    image = image.convert(STRAIGHT[image.mode]) if image.mode in STRAIGHT else image
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return _keyed(image, bits).convert("LA" if image.mode in ("1", "L") else "RGBA")
    if image.mode == "P":
        return image.convert("RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _keyed(image: Image.Image, bits: int | None) -> Image.Image:
    """Convert a transparent colour to 8 bits, like the pixels that Pillow read from a file of `bits`."""
    key = image.info["transparency"]
    if image.mode == "RGB" and isinstance(key, tuple):
        key = tuple(value >> 8 if bits != 8 and max(key) > 255 else value & 255 for value in key)
    elif image.mode == "1" and isinstance(key, int):
        key = 255 if key else 0  # old versions of Pillow give 1
    elif image.mode == "L" and isinstance(key, int) and bits is not None:
        most = 2**bits - 1
        key = (key & most) * 255 // most
    if key != image.info["transparency"]:
        image = image.copy()
        image.info["transparency"] = key
    return image


def _shallow(image: Image.Image, name: str) -> Image.Image:
    """Convert one channel of 16 bits or floats to 8 bits, with a transparent value as alpha."""
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
