"""Import a peer's own public code from a checkout, and leave no trace of it on the module path."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Let `import` find a peer's modules; outside the block they are gone, as everyone has a `utils`."""
    if not folder.is_dir():
        raise click.ClickException(f"{folder} is not a folder; name the peer's checkout")
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).is_relative_to(folder):
                del sys.modules[name]


def digest(files: Iterable[Path]) -> str:
    """The sha256 of several files' bytes in a row."""
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()


def to_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1], as torchvision's ToTensor does in both peers."""
    return torch.tensor(rgb).permute(2, 0, 1)[None].float().div(255)


def to_rgb(image: Tensor, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(1, 3, H', W') to uint8, rounded as torchvision's save_image does, cut to the content's size."""
    pixels = image[0].mul(255).add(0.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return pixels[: like.shape[0], : like.shape[1]]
