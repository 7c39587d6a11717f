"""MicroAST (Wang et al. 2023, arXiv:2211.15313) with the networks in https://github.com/EndyWon/MicroAST."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peers.checkout import digest, modules_of, to_rgb, to_tensor
from torch import Tensor, nn

PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")


class MicroAST:
    """Content of any size; the result is up to 3 px larger and cut."""

    alpha = 1.0
    blends = False  # it takes an alpha, but below 1 its content features drown the rest: a flat picture

    def __init__(self, name: str, checkout: Path) -> None:
        files = [checkout / "models" / f"{part}_iter_160000.pth.tar" for part in PARTS]
        with modules_of(checkout):
            net = import_module("net_microAST")
        self.name = name
        self.weights = digest(files)
        parts = (net.Encoder(), net.Encoder(), net.Modulator(), net.Decoder())
        for part, file in zip(parts, files, strict=True):
            part.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        self.net = net.TestNet(*parts).eval()

    @torch.inference_mode()
    def encode(self, style: NDArray[np.uint8]) -> Any:
        """See `features`."""
        return self.features(to_tensor(style))

    @torch.inference_mode()
    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """See `picture`."""
        return to_rgb(self.picture(to_tensor(content), code, alpha), like=content)

    def features(self, style: Tensor) -> Any:
        """The first two steps of their `TestNet.forward`."""
        features = self.net.style_encoder(style)
        return features, *self.net.modulator(features)

    def picture(self, content: Tensor, code: Any, alpha: float) -> Tensor:
        """The rest of their `TestNet.forward`."""
        decoded: Tensor = self.net.decoder(self.net.content_encoder(content), *code, alpha)
        return decoded

    @property
    def networks(self) -> list[nn.Module]:
        """To move to a device."""
        return [self.net]
