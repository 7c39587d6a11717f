"""VGG-19 (Simonyan & Zisserman 2014, arXiv:1409.1556) with the weights of torchvision, if the user has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, vgg19  # type: ignore[import-untyped]

from adain.errors import WeightsError
from adain.nn import checkpoints
from adain.training.loss_encoders import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["TorchvisionVGG19"]


class TorchvisionVGG19(nn.Module):
    """The convolutions of torchvision's VGG-19, padded with zeros, as in most implementations of Gatys et al."""

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):
            self.layers = vgg19(weights=None).features
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])

    @classmethod
    def load(cls, path: Path | None = None) -> TorchvisionVGG19:
        """Read the weights; by default those that torchvision has downloaded into torch's cache.

        Raises:
            WeightsError: the file is missing or does not fit.
        """
        url = VGG19_Weights.IMAGENET1K_V1.url
        path = path or Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[-1])
        if not path.is_file():
            raise WeightsError(
                f"torchvision's VGG-19 is missing: {path}; download it with "
                "`python -c 'import torchvision; torchvision.models.vgg19(weights=\"IMAGENET1K_V1\")'` (575 MB), or "
                "take other features, such as vgg16 or adain-slim"
            )
        network = cls()
        prefix = "features."
        state = {key[len(prefix) :]: value for key, value in checkpoints.read(path).items() if key.startswith(prefix)}
        try:
            network.layers.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise WeightsError(f"{path} does not fit torchvision's VGG-19: {error}") from error
        return network

    def named(self, picture: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
        """Rectified layers of pictures (N, 3, H, W) in [0, 1], sides of at least 16, by name such as `relu4_2`."""
        found: dict[str, Tensor] = {}
        x = (picture - self.get_buffer("mean")) / self.get_buffer("std")
        block, index = 1, 0
        for layer in self.layers:
            if isinstance(layer, nn.MaxPool2d):
                block, index = block + 1, 0
            if isinstance(layer, nn.ReLU):
                index += 1
                x = torch.relu(x)  # torchvision's own works in place, on what the gradient needs
                if (name := f"relu{block}_{index}") in wanted:
                    found[name] = x
                    if len(found) == len(wanted):
                        break
            else:
                x = layer(x)
        return found
