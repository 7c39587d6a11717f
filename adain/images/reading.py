"""Read a `Picture` from any input: path, bytes, stream, PIL image, array or tensor."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import memory
from adain.errors import ImageError, InputError
from adain.images.arrays import to_uint8
from adain.images.encoded import Encoded, is_encoded, open_encoded
from adain.images.frames import note_frames
from adain.images.modes import from_pil, to_rgb
from adain.images.picture import Picture, check_size, replace_hidden_colors
from adain.images.torch_tensors import TorchTensor, from_torch, is_torch

__all__ = ["PictureInput", "read", "read_rgb"]

_BYTES_PER_PIXEL = 11  # decoded (4), with another mode or profile (4), as an array (3)

PictureInput: TypeAlias = Encoded | Image.Image | NDArray[np.generic] | TorchTensor | Picture


def read(source: PictureInput, *, keep_hidden: bool = False) -> Picture:
    """Read a picture: upright, 8 bit, sRGB, with a separate alpha channel.

    Encoded pictures have a format in `adain.images.formats`, recognised by content and not by name. They may be grey,
    palette, colour, CMYK or Lab, with 8 or 16 bits (`adain.images.deep`). The EXIF orientation and the colour profile
    are applied. A broken profile is logged, and the picture is taken as sRGB. Of an animation or a TIFF of several
    pages, the first is read, which is logged. Colours under an alpha of 0 become the mean of the others.
    Pillow warns above 89 megapixels (`PIL.Image.DecompressionBombWarning`). The limit is 179 megapixels.
    `PIL.Image.MAX_IMAGE_PIXELS` changes both.

    Args:
        source: the picture as one of

            - a path,
            - bytes, or a binary stream, which is read from its position to its end and stays open,
            - a PIL image of any common mode,
            - an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): grey, RGB or RGBA, colours not multiplied by alpha,
              of dtype uint8, uint16 or float in [0, 1],
            - a torch tensor (H, W) or (C, H, W), of the same dtypes, on any device, also in a batch of 1,
            - a `Picture`, which is returned unchanged.
        keep_hidden: keep the colours under an alpha of 0.

    Raises:
        ImageError: the picture is missing, damaged or too large, is not a picture, or has another shape or dtype.
        InputError: the source has another type.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return from_pil(source, keep_hidden=keep_hidden)
    if is_torch(source):
        return _from_array(from_torch(source), keep_hidden)
    if isinstance(source, np.ndarray):
        return _from_array(source, keep_hidden)
    if not is_encoded(source):
        raise InputError(
            "a picture must be a path, bytes, a binary stream, a PIL image, a numpy array or a torch tensor, "
            f"got {type(source).__name__}"
        )
    image, name = open_encoded(source)
    with image, _memory(image, name):
        note_frames(image, name)
        return from_pil(image, name, keep_hidden=keep_hidden)


def read_rgb(source: Encoded, *, at_least: int | None = None) -> Image.Image:
    """Read the colours of an encoded picture, as `read` does, into a PIL image of mode RGB.

    Args:
        source: a path, bytes or a binary stream.
        at_least: decode a JPEG at 1/2, 1/4 or 1/8 of its size, which is faster, with at least this many pixels a side.

    Raises:
        ImageError: as for `read`.
        InputError: the stream gives text, or `at_least` is not a size.
    """
    side = None if at_least is None else check_size(at_least)
    image, name = open_encoded(source)
    with image, _memory(image, name):
        if side is not None:
            image.draft(None, (side, side))
        return to_rgb(image, name)


def _memory(image: Image.Image, name: str) -> AbstractContextManager[None]:
    """Say how much memory a picture takes if there is not enough to read it."""
    width, height = image.size
    return memory.required(f"reading {name}, {width:,} x {height:,} pixels,", _BYTES_PER_PIXEL * width * height)


def _from_array(array: NDArray[np.generic], keep_hidden: bool) -> Picture:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or array.size == 0:
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "; channels come last: array.transpose(1, 2, 0)" if first else ""
        raise ImageError(
            f"a picture array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) with H, W >= 1, got {array.shape}{hint}"
        )
    values = to_uint8(array if array.ndim == 3 else array[..., None])  # (H, W, channels)
    channels = values.shape[2]
    if channels == 4:
        rgb, alpha = np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
        return Picture(rgb if keep_hidden else replace_hidden_colors(rgb, alpha), alpha)
    return Picture(np.repeat(values, 3, axis=2) if channels == 1 else values)
