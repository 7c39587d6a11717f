"""Masks: which style counts where. From files, labels or the content's alpha channel to what a backend takes.

A mask is a picture: white where its style counts, black where it does not, grey for part of it. Where masks sum to
more than white they are divided by their sum; where they sum to less, the content is kept, and where no mask is, it is
kept to the pixel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import images
from adain.errors import InputError
from adain.images import Picture, PictureInput

__all__ = ["Masks", "label_masks", "over", "read", "scaled", "shares", "split_subject"]

Several: TypeAlias = Sequence[PictureInput] | Mapping[int, NDArray[np.bool_]]
Masks: TypeAlias = Several | Literal["subject"]

MOST_LABELS = 64  # of a map; a photograph, or a map saved as JPEG, has more
FADE = 0.25  # what masks sum to where the network's picture is shown in full, and no more of the content's own pixels


def label_masks(labels: PictureInput) -> dict[int, NDArray[np.bool_]]:
    """One mask per label of a map, to be passed as masks: all of them as they are, or a list of those wanted.

    Args:
        labels: a map as `adain.images.read_labels` takes it: grey values, indices of a palette, or colours 0xRRGGBB.

    Returns:
        bool (H, W) by label, in rising order.

    Raises:
        ImageError: the map cannot be read.
        InputError: it has more than 64 labels.
    """
    values = images.read_labels(labels)
    found = np.unique(values)
    if len(found) > MOST_LABELS:
        raise InputError(
            f"{_named('the map', labels)} has {len(found):,} different values, and a map of labels at most "
            f"{MOST_LABELS}; save it without smooth edges, as PNG and not as JPEG"
        )
    return {int(label): values == label for label in found}


def split_subject(content: PictureInput, styles: int) -> tuple[Picture, list[NDArray[np.uint8]]]:
    """A content without its alpha channel; and that as the mask of the first style, the rest of the second's.

    Args:
        content: with an alpha channel. Colours below an alpha of 0 are taken as they are.
        styles: 1 or 2; with one, the background stays as it is.

    Raises:
        InputError: there is no alpha channel.
        ImageError: the content cannot be read.
    """
    picture = images.read(content, keep_hidden=True)
    if picture.alpha is None:
        raise InputError(
            f"{_named('the content', content)} has no alpha channel that says what its subject is; "
            "give a PNG that has one, or a mask per style"
        )
    return Picture(picture.rgb), [picture.alpha, 255 - picture.alpha][:styles]


def read(masks: Several, size: tuple[int, int], first: int = 1) -> NDArray[np.float32]:
    """Masks at the size of a picture.

    Args:
        masks: at least one picture or array, or what `label_masks` returns; of any sizes, but of the picture's aspect.
            Colours count by their brightness, and less where they are transparent. Arrays may be bool.
        size: width and height of the picture, in pixels.
        first: number of the first mask in error messages.

    Returns:
        (S, H, W) float32 in [0, 1].

    Raises:
        ImageError: a mask cannot be read.
        InputError: it is of another aspect, or holds 0 and 1 of 255.
    """
    listed = masks.values() if isinstance(masks, Mapping) else masks
    return np.stack([_read(mask, size, _named(f"mask {number}", mask)) for number, mask in enumerate(listed, first)])


def shares(masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Masks (S, H, W) divided by their sum where that is more than 1."""
    divided: NDArray[np.float32] = masks / np.maximum(masks.sum(axis=0), 1)
    return divided


def over(stylized: NDArray[np.uint8], content: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A stylized picture with the content's own pixels where no mask is.

    A network gives the content back only about. So its own pixels come in where masks sum to less than a quarter, and
    are all there is where that is 0.

    Args:
        stylized: uint8 (H, W, 3).
        content: of the same shape.
        masks: (S, H, W) in [0, 1].

    Returns:
        uint8 (H, W, 3).
    """
    shown = np.minimum(masks.sum(axis=0) / FADE, 1)  # (H, W)
    if shown.min() == 1:
        return stylized
    result = np.empty_like(stylized)
    for rows in images.bands(*stylized.shape[:2]):
        part = shown[rows, :, None]
        result[rows] = images.quantize(
            (content[rows] + part * (stylized[rows] - content[rows].astype(np.float32))) / 255
        )
    return result


def scaled(mask: Picture, size: tuple[int, int], name: str) -> NDArray[np.float32]:
    """A mask as (H, W) in [0, 1], of a width and a height.

    Raises:
        InputError: it is of another aspect; says its name.
    """
    values: NDArray[np.float32] = _grey(mask).astype(np.float32) / np.float32(255)
    if mask.alpha is not None:
        values *= mask.alpha.astype(np.float32) / np.float32(255)
    width, height = mask.size
    if (width, height) == size:
        return values
    # Off by less than a pixel, in the mask or in the picture: that much a size is rounded when a picture is scaled.
    if abs(width * size[1] - height * size[0]) > max(width, height, *size):
        raise InputError(
            f"{name} is {width}x{height}, of another aspect than the picture of {size[0]}x{size[1]}; "
            "it would be distorted; crop or pad it"
        )
    image = Image.fromarray(values).resize(size, Image.Resampling.BILINEAR)
    resized: NDArray[np.float32] = np.clip(np.asarray(image), 0, 1)
    return resized


def _read(mask: PictureInput, size: tuple[int, int], name: str) -> NDArray[np.float32]:
    if isinstance(mask, np.ndarray) and mask.dtype == np.bool_:
        mask = mask.astype(np.uint8) * np.uint8(255)
    picture = images.read(mask)
    if _grey(picture).max() == 1:
        raise InputError(
            f"{name} holds only 0 and 1, which is next to black: white is 255; "
            "multiply it by 255, or pass an array of bool"
        )
    return scaled(picture, size, name)


def _grey(mask: Picture) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(mask.rgb).convert("L"))


def _named(what: str, source: PictureInput) -> str:
    return f"{what} ({os.fspath(source)})" if isinstance(source, (str, os.PathLike)) else what
