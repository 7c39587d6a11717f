"""Pictures made in code, for tests that need one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import torch


def photo(width: int = 48, height: int = 36) -> NDArray[np.uint8]:
    """A sky, a sun and ground: smooth areas, one sharp edge, one round shape; uint8 (height, width, 3)."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    sky = np.stack([0.45 + 0.4 * y, 0.6 + 0.2 * y, 0.95 - 0.2 * y], axis=-1)
    ground = np.stack([0.3 + 0.2 * x, 0.45 - 0.1 * x, 0.15 + 0.1 * y], axis=-1)
    picture = np.where((y > 0.65)[..., None], ground, sky)
    sun = (x - 0.7) ** 2 + (y - 0.3) ** 2 < 0.02
    picture[sun] = (1.0, 0.9, 0.5)
    return (picture * 255 + 0.5).astype(np.uint8)


def save_as(image: Image.Image, path: Path) -> None:
    """Save a picture by its suffix; skip the test if that needs a package that is not installed."""
    if path.suffix.lower() in (".heic", ".heif", ".hif"):
        pytest.importorskip("pillow_heif", reason="needs the extra heic").register_heif_opener()
    image.save(path)


def painting(width: int = 40, height: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    """Strokes in a palette of five; uint8 (height, width, 3). Another seed is another palette."""
    rng = np.random.default_rng(seed)
    palette = rng.integers(20, 236, (5, 3))
    y, x = np.mgrid[0:height, 0:width]
    wave = np.sin(x / 3 + rng.uniform(0, 6)) + np.cos(y / 2 + x / 7 + rng.uniform(0, 6))
    stroke = np.clip(((wave + 2) / 4 * len(palette)).astype(int), 0, len(palette) - 1)
    noisy = palette[stroke] + rng.integers(-20, 21, (height, width, 1))
    return noisy.clip(0, 255).astype(np.uint8)


def save_to_train_on(folder: Path) -> Path:
    """Three pictures of 64 x 48 in `content` and three in `style`; returns the folder."""
    random = np.random.default_rng(0)
    for name in ("content", "style"):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((64, 48)).save(folder / name / f"{i}.png")
    return folder


def read_tensor(path: Path, side: int) -> torch.Tensor:
    """A picture from a file, shrunk into a square of `side` pixels: float32 (1, 3, H, W) in [0, 1]."""
    import torch

    with Image.open(path) as image:
        image.thumbnail((side, side))
        pixels = np.array(image.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]
