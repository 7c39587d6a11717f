"""Masks: where in the picture each style applies. Read from files, label maps or the content's alpha channel.

A mask is a picture: white where its style applies, black where it does not, grey for partial strength. If masks sum
to more than white, they are divided by their sum. If they sum to less, part of the content is kept. Pixels without any
mask are copied from the content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import images
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.images.arrays import Colors

__all__ = ["Masks", "label_masks", "over", "read", "scaled", "shares", "split_subject"]

Several: TypeAlias = Sequence[PictureInput] | Mapping[int, NDArray[np.bool_]]
Masks: TypeAlias = Several | Literal["subject"]

MOST_LABELS = 64  # in a map; a photograph, or a map saved as JPEG, has more
FADE = 0.25  # sum of masks from which the network's output is shown alone; below, the content's pixels blend in


def label_masks(labels: PictureInput) -> dict[int, NDArray[np.bool_]]:
    """Make one mask per label of a label map. Pass the result as masks, or a list of some of its values.

    Args:
        labels: a label map, see `adain.images.read_labels`: grey values, palette indices, or colours 0xRRGGBB.

    Returns:
        Masks, bool (H, W), by label, in ascending order.

    Raises:
        ImageError: the map cannot be read.
        InputError: the map has more than 64 labels.
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
    """Split a content into its colours and masks made of its alpha channel.

    Args:
        content: a picture with an alpha channel. Colours under an alpha of 0 are kept.
        styles: 1 or 2. The first mask is the alpha channel, the second its inverse; with one, the background is not
            stylized.

    Raises:
        InputError: there is no alpha channel.
        ImageError: the content cannot be read.
    """
    picture = images.read(content, keep_hidden=True)
    if picture.alpha is None:
        raise InputError(
            f"{_named('the content', content)} has no alpha channel to mark its subject; "
            "give a PNG that has one, or a mask per style"
        )
    return replace(picture, alpha=None), [picture.alpha, 255 - picture.alpha][:styles]


def read(masks: Several, size: tuple[int, int], first: int = 1) -> NDArray[np.float32]:
    """Read masks and scale them to the size of a picture.

    Args:
        masks: at least one picture or array, or the result of `label_masks`; any size with the picture's aspect
            ratio. Colours are converted to grey and multiplied by alpha. Arrays may be bool.
        size: width and height of the picture, in pixels.
        first: number of the first mask in error messages.

    Returns:
        (S, H, W) float32 in [0, 1].

    Raises:
        ImageError: a mask cannot be read.
        InputError: a mask has another aspect ratio, or holds only 0 and 1 of 255.
    """
    listed = masks.values() if isinstance(masks, Mapping) else masks
    return np.stack([_read(mask, size, _named(f"mask {number}", mask)) for number, mask in enumerate(listed, first)])


def shares(masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide masks (S, H, W) by their sum where the sum is above 1."""
    divided: NDArray[np.float32] = masks / np.maximum(masks.sum(axis=0), 1)
    return divided


def over(stylized: Colors, content: Colors, masks: NDArray[np.float32]) -> NDArray[Any]:
    """Put the content's own pixels into a stylized picture where no mask applies.

    A network reconstructs the content only approximately. So the content's pixels blend in where masks sum to less
    than a quarter, and replace the stylized ones where the sum is 0.

    Args:
        stylized: uint8 or uint16 (H, W, 3).
        content: of the same dtype and shape.
        masks: (S, H, W) in [0, 1].

    Returns:
        Of the same dtype and shape.
    """
    shown = np.minimum(masks.sum(axis=0) / FADE, 1)  # (H, W)
    if shown.min() == 1:
        return stylized
    result, most = np.empty_like(stylized), np.iinfo(stylized.dtype).max
    for rows in images.bands(*stylized.shape[:2]):
        part = shown[rows, :, None]
        result[rows] = images.quantize(
            (content[rows] + part * (stylized[rows] - content[rows].astype(np.float32))) / most,
            stylized.dtype.type,
        )
    return result


def scaled(mask: Picture, size: tuple[int, int], name: str) -> NDArray[np.float32]:
    """Scale a mask to a width and height: (H, W) in [0, 1].

    Raises:
        InputError: the mask has another aspect ratio.
    """
    values: NDArray[np.float32] = _grey(mask).astype(np.float32) / np.float32(255)
    if mask.alpha is not None:
        values *= mask.alpha.astype(np.float32) / np.float32(255)
    width, height = mask.size
    if (width, height) == size:
        return values
    # Scaling rounds sizes to whole pixels, so the aspect ratio may be off by less than a pixel.
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
            f"{name} holds only 0 and 1, which is almost black, because white is 255; "
            "multiply it by 255, or pass an array of bool"
        )
    return scaled(picture, size, name)


def _grey(mask: Picture) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(mask.rgb).convert("L"))


def _named(what: str, source: PictureInput) -> str:
    return f"{what} ({os.fspath(source)})" if isinstance(source, (str, os.PathLike)) else what
