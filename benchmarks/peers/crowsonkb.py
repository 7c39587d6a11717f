"""crowsonkb/style-transfer-pytorch with another feature network: its losses, weights, schedule, Adam and average."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peers.checkout import modules_of
from PIL import Image
from torch import Tensor, nn

from adain.optimization.features import Features

__all__ = ["Crowsonkb"]

LAYERS = {1: "relu1_1", 6: "relu2_1", 11: "relu3_1", 20: "relu4_1", 29: "relu5_1", 22: "relu4_2"}  # of its VGG-19
_CONTENT = 22
_STYLE = {1: 256, 6: 64, 11: 16, 20: 4, 29: 1}
_CONTENT_WEIGHT, _SMOOTH_WEIGHT = 0.015, 2.0  # of its `stylize`, by default


class Crowsonkb:
    """The peer's code from a checkout.

    Args:
        checkout: its folder.
        network: the feature network, in place of torchvision's VGG-19.
    """

    def __init__(self, checkout: Path, network: Features) -> None:
        with modules_of(checkout):
            from style_transfer import style_transfer as peer
        self._peer, self._network = peer, network
        peer.VGGFeatures = self._features

    def objective(self, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
        """What its `stylize` makes small, for pictures of the content's size, (1, 3, H, W) in [0, 1]."""
        peer, network = self._peer, _Layers(self._network)
        with torch.no_grad():
            of_content = peer.ContentLossMSE(network(content, [_CONTENT])[_CONTENT])
            maps = network(style, list(_STYLE))
            of_style = {layer: peer.StyleLossW2(peer.StyleLossW2.get_target(maps[layer])) for layer in _STYLE}
        smooth = peer.TVLoss()

        def objective(picture: Tensor) -> Tensor:
            found = network(picture)
            styles = sum(_STYLE[layer] * loss(found[layer]) for layer, loss in of_style.items()) / sum(_STYLE.values())
            total: Tensor = _CONTENT_WEIGHT * of_content(found[_CONTENT]) + styles + _SMOOTH_WEIGHT * smooth(picture)
            return total

        return objective

    def stylize(
        self, content: Image.Image, style: Image.Image, iterations: int, report: Callable[[Callable[[], Tensor]], None]
    ) -> None:
        """Run its `stylize` from its smallest size on, with twice as many iterations there, as by default.

        Args:
            content: at the size of the result.
            style: at the size that it has beside the largest copy.
            iterations: at each size.
            report: called after each iteration with a function that gives the average so far.
        """
        run = self._peer.StyleTransfer()
        longer = max(content.size)
        with contextlib.redirect_stdout(io.StringIO()):
            run.stylize(
                content,
                [style],
                end_scale=longer,
                style_scale_fac=max(style.size) / longer,
                iterations=iterations,
                initial_iterations=2 * iterations,
                callback=lambda _: report(lambda: run.get_image_tensor()[None]),
            )

    def _features(self, layers: Sequence[int], pooling: str) -> _Layers:
        return _Layers(self._network)


class _Layers(nn.Module):
    """A feature network with the interface of the peer's."""

    def __init__(self, network: Features) -> None:
        super().__init__()
        self._network = network

    def distribute_layers(self, devices: Any) -> None:
        """All is on one device."""

    def forward(self, picture: Tensor, layers: Sequence[int] | None = None) -> dict[int | str, Tensor]:
        """Maps by the peer's numbers."""
        numbers = list(LAYERS) if layers is None else layers
        maps = self._network(picture, [LAYERS[number] for number in numbers])
        return {"input": picture, **{number: maps[LAYERS[number]] for number in numbers}}
