"""pytorch-AdaIN, https://github.com/naoto0804/pytorch-AdaIN, as it is: Huang & Belongie 2017, arXiv:1703.06868.

Its `test.py` reads the command line where it is imported, so its `style_transfer` is repeated here, step by step, over
its own networks and its own AdaIN. Where `models/` lacks the published weights, random ones of their shape are
written: how long the network takes does not depend on them, and `weights` says so.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peers.checkout import digest, modules_of, to_rgb, to_tensor
from torch import Tensor, nn

FILES = ("vgg_normalised.pth", "decoder.pth")
USED = 31  # modules of their encoder, up to relu4_1
RANDOM = "random"


def weights_of(checkout: Path, spare: Path) -> Path:
    """The folder with both files: the checkout's, or else `spare`, where random ones are written."""
    published = checkout / "models"
    if all((published / name).is_file() for name in FILES):
        return published
    if not all((spare / name).is_file() for name in FILES):
        _write_random(checkout, spare)
    return spare


class PytorchAdaIN:
    """Content of any size; the result is up to 7 px larger and cut."""

    alpha = 1.0

    def __init__(self, name: str, checkout: Path, spare: Path) -> None:
        folder = weights_of(checkout, spare)
        with modules_of(checkout):
            net = import_module("net")
            self._adain = import_module("function").adaptive_instance_normalization
        files = [folder / file for file in FILES]
        for part, file in zip((net.vgg, net.decoder), files, strict=True):
            part.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        self.vgg = nn.Sequential(*list(net.vgg.children())[:USED]).eval()
        self.decoder = net.decoder.eval()
        self.name = name
        self.weights = RANDOM if folder == spare else digest(files)

    @torch.no_grad()
    def encode(self, style: NDArray[np.uint8]) -> Any:
        """See `features`."""
        return self.features(to_tensor(style))

    @torch.no_grad()
    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """See `picture`."""
        return to_rgb(self.picture(to_tensor(content), code, alpha), like=content)

    def features(self, style: Tensor) -> Tensor:
        """`style_f = vgg(style)`."""
        found: Tensor = self.vgg(style)
        return found

    def picture(self, content: Tensor, code: Tensor, alpha: float) -> Tensor:
        """The rest of `style_transfer`."""
        content_f = self.vgg(content)
        feat = self._adain(content_f, code)
        feat = feat * alpha + content_f * (1 - alpha)
        decoded: Tensor = self.decoder(feat)
        return decoded

    @property
    def networks(self) -> list[nn.Module]:
        """To move to a device."""
        return [self.vgg, self.decoder]


@torch.no_grad()
def _write_random(checkout: Path, folder: Path) -> None:
    """Weights that keep the scale of the features from layer to layer, and end in the middle of [0, 1]."""
    with modules_of(checkout):
        net = import_module("net")
    generator = torch.Generator().manual_seed(0)
    for part in (net.vgg, net.decoder):
        for parameter in part.parameters():
            if parameter.dim() == 1:
                parameter.zero_()
            else:
                nn.init.kaiming_normal_(parameter, generator=generator)
    noise = torch.rand(1, 3, 64, 64, generator=generator)
    last = list(net.decoder.children())[-1]
    last.weight *= 0.2 / net.decoder(net.vgg[:USED](noise)).std()
    last.bias.fill_(0.5)
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in zip((net.vgg, net.decoder), FILES, strict=True):
        torch.save(part.state_dict(), folder / name)
