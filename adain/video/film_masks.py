"""Masks of a film: still pictures, moving masks (a film or a folder of pictures), or the film's alpha channel."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adain import masking
from adain.errors import ImageError, InputError
from adain.images import Picture, PictureInput
from adain.masking import Masks
from adain.video.animation import moves
from adain.video.clip import Frame
from adain.video.codecs import CONTAINERS
from adain.video.opening import open_source

__all__ = ["FilmMasks"]

Size = tuple[int, int]

logger = logging.getLogger(__name__)


class FilmMasks:
    """The masks of each frame of a film, in the order of the frames.

    A moving mask advances by one frame with each frame of the film; time stamps are ignored. If it ends first, its
    last frame stays, and a warning is logged.

    Args:
        masks: the masks of a `StyleRequest`.
        styles: number of styles.

    Raises:
        ImageError: a film or folder of masks cannot be read.
        DeviceError: a film of masks needs PyAV.
    """

    def __init__(self, masks: Masks, styles: int) -> None:
        self.subject = masks == "subject"
        self._styles = styles
        self._has_alpha = False
        self._masks: list[_Still | _Moving] = []
        listed = masks.values() if isinstance(masks, Mapping) else masks
        with ExitStack() as opening:
            for number, mask in enumerate(() if self.subject else listed, 1):
                path = _moving(mask)
                self._masks.append(_Still(mask, number) if path is None else _Moving(path, number, opening))
            self._open = opening.pop_all()

    def __call__(self, frame: Frame) -> NDArray[np.float32]:
        """Return the masks of the next frame, (S, H, W) float32 in [0, 1].

        Raises:
            InputError: a mask has another aspect ratio than the frame, or "subject" is used without an alpha channel.
            ImageError: a mask cannot be read.
        """
        if self.subject:
            return self._of_alpha(frame)
        height, width = frame.rgb.shape[:2]
        return np.concatenate([mask((width, height)) for mask in self._masks])

    def close(self) -> None:
        """Close the films."""
        self._open.close()

    def _of_alpha(self, frame: Frame) -> NDArray[np.float32]:
        if frame.alpha is None and not self._has_alpha:
            raise InputError(
                "the film has no alpha channel to mark its subject; "
                "give a GIF or a folder of PNG files that has one, or a mask per style"
            )
        self._has_alpha = True  # a later frame without alpha is opaque
        alpha = np.full(frame.rgb.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
        subject = alpha.astype(np.float32) / np.float32(255)
        return np.stack([subject, 1 - subject][: self._styles])


class _Still:
    """A mask picture for all frames."""

    def __init__(self, mask: PictureInput, number: int) -> None:
        self._mask, self._number = mask, number
        self._scaled: tuple[Size, NDArray[np.float32]] | None = None

    def __call__(self, size: Size) -> NDArray[np.float32]:
        """Return the mask (1, H, W) for a width and a height."""
        if self._scaled is None or self._scaled[0] != size:
            self._scaled = size, masking.read([self._mask], size, self._number)
        return self._scaled[1]


class _Moving:
    """A film with one mask per frame."""

    def __init__(self, path: Path, number: int, opening: ExitStack) -> None:
        self._name = f"mask {number} ({path})"
        source = open_source(path, sound=False)
        opening.callback(source.close)
        self._frames: Iterator[Frame] = (each for each in source if isinstance(each, Frame))
        self._still = source.clip.frames == 1
        self._last: Frame | None = None

    def __call__(self, size: Size) -> NDArray[np.float32]:
        """Return the next mask (1, H, W) for a width and a height."""
        frame = next(self._frames, None)
        if frame is None and not self._still:
            logger.warning("%s is shorter than the film; its last frame stays", self._name)
            self._still = True
        self._last = frame or self._last
        if self._last is None:
            raise ImageError(f"{self._name} has no frames; give one that has")
        return masking.scaled(Picture(self._last.rgb8, self._last.alpha), size, self._name)[None]


def _moving(mask: object) -> Path | None:
    """Return the path of a film or a folder; None for a picture."""
    if not isinstance(mask, (str, os.PathLike)):
        return None
    path = Path(mask)
    return path if path.is_dir() or path.suffix.lower() in CONTAINERS or moves(path) else None
