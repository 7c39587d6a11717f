"""The pictures that quality is measured on, and which are paired."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from adain import images

SUFFIXES = {".jpg", ".jpeg", ".png"}
QUICK_STEP, QUICK_START = 7, 3  # content i goes with style 7 i + 3 (modulo 20): 16 contents, 16 of 20 styles


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A picture at the size it is measured at.

    Attributes:
        name: the file's name without suffix.
        rgb: (H, W, 3) uint8.
        digest: sha256 of the pixels; another picture or another size has another one.
    """

    name: str
    rgb: NDArray[np.uint8]
    digest: str


class Pair(NamedTuple):
    """What is stylized with what."""

    content: Exhibit
    style: Exhibit


def read_folder(folder: Path, size: int) -> list[Exhibit]:
    """Read all pictures of a folder, by name, each with its shorter side at `size` px and its aspect kept."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise click.ClickException(f"no pictures ({', '.join(sorted(SUFFIXES))}) in {folder}")
    return [_read(file, size) for file in files]


def _read(file: Path, size: int) -> Exhibit:
    rgb = images.resize(images.read(file), size).rgb
    return Exhibit(file.stem, rgb, hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest())


@dataclass(frozen=True)
class Exhibition:
    """Which contents are stylized with which styles.

    Attributes:
        size: the shorter side of every picture, in pixels.
        contents: photographs, by name.
        styles: paintings, by name.
        pairs: what the comparison is made on.
        quick: every content once, the styles taken in large steps through the folder: always the same pairs.
        identity: every content with itself as style; what comes back should be the content.
    """

    size: int
    contents: list[Exhibit]
    styles: list[Exhibit]
    pairs: list[Pair]
    quick: list[Pair]
    identity: list[Pair]

    @classmethod
    def open(cls, contents: Path, styles: Path, size: int, quick: bool) -> Exhibition:
        """Pair the pictures of two folders: all with all, style by style, or the quick pairs only."""
        photographs, paintings = read_folder(contents, size), read_folder(styles, size)
        few = [
            Pair(photograph, paintings[(QUICK_STEP * i + QUICK_START) % len(paintings)])
            for i, photograph in enumerate(photographs)
        ]
        every = [Pair(photograph, painting) for painting in paintings for photograph in photographs]
        identity = [Pair(photograph, photograph) for photograph in photographs]
        return cls(size, photographs, paintings, few if quick else every, few, identity)
