"""Who is measured: the untouched content, this package's models, checkpoints of a training, and peers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
import torch
from numpy.typing import NDArray
from peers.checkout import digest, to_rgb, to_tensor
from peers.collab_distill import CollabDistill
from peers.magenta import Magenta
from peers.microast import MicroAST

from adain import load, registry, trained, weights
from adain.errors import AdainError
from adain.nn import build


class Candidate(Protocol):
    """Something that stylizes pictures, uint8 sRGB (H, W, 3) in and out.

    Attributes:
        name: what the report calls it.
        weights: sha256 of its weights, so that a result belongs to what made it.
        alpha: the strength it is compared at.
        blends: whether other strengths give something between content and style.
    """

    name: str
    weights: str
    alpha: float
    blends: bool

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """What it needs of a style."""

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """The content in that style, at the content's size."""


class Untouched:
    """Doing nothing: the far end of both scales."""

    name, weights, alpha, blends = "untouched content", "none", 0.0, False

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """Nothing."""

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """The content."""
        return content


class Packaged:
    """A model of this package, through the torch backend or another one."""

    blends = True

    def __init__(self, name: str, weights_dir: Path | None = None) -> None:
        model = registry.get(name)
        files = weights.find(model, weights_dir)
        self.name = name
        self.alpha = model.default_alpha
        self.weights = digest(files[role] for role in sorted(files))
        self.stylizer = load(name, weights_dir=weights_dir)

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style code, at the style's own size."""
        return self.stylizer.encode_style(style, size=None)

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """As a user gets it."""
        return np.asarray(self.stylizer(content, code, alpha=alpha))


class Checkpoint:
    """Weights that `adain train` wrote; their metadata say of which network."""

    alpha, blends = 1.0, True

    def __init__(self, file: Path) -> None:
        self.name = f"{file.absolute().parent.name}-{file.stem}"
        self.weights = digest([file])
        try:
            self.network = build.load(trained.read(file), {"model": file})
        except AdainError as error:
            raise click.ClickException(f"{file} is not a checkpoint of adain train: {error}") from error

    @torch.inference_mode()
    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style code, with a batch dimension."""
        return self.network.encode_style(to_tensor(style))

    @torch.inference_mode()
    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """In float32, as the packaged model will."""
        return to_rgb(self.network(to_tensor(content), code, alpha), like=content)


PEERS: dict[str, Callable[[str, Path], Candidate]] = {
    "microast": MicroAST,
    "collab-distill": CollabDistill,
    "magenta": Magenta,
}


def peer(argument: str) -> Candidate:
    """Read `NAME=CHECKOUT` into the adapter of a peer."""
    name, _, checkout = argument.partition("=")
    if name not in PEERS or not checkout:
        raise click.BadParameter(f"expected NAME=CHECKOUT with NAME one of {', '.join(PEERS)}, got {argument!r}")
    return PEERS[name](name, Path(checkout))
