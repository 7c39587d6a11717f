"""The network and the loss network in another precision; the network's results come back in float32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from adain.training.loss_network import LossNetwork
from adain.training.recipe import Precision

__all__ = ["MixedFeatures", "MixedNetwork", "autocast"]

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The autocast context of a precision; for fp32 it does nothing."""
    dtype = _DTYPES[precision]
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


class MixedNetwork:
    """A style network under autocast."""

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        self._network, self._device, self._precision = network, device, precision

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Style pictures (N, 3, H, W) to a code in float32."""
        with autocast(self._device, self._precision):
            code = self._network.encode_style(style)  # type: ignore[operator]
        return {name: array.float() for name, array in code.items()}

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """Contents, code and alpha to pictures (N, 3, H, W) float32."""
        with autocast(self._device, self._precision):
            picture: Tensor = self._network(content, code, alpha)
        return picture.float()


class MixedFeatures:
    """A loss network in a precision; the losses compute statistics in float32.

    The frozen weights are rounded once. Autocast would round them in every pass, with a kernel per weight.
    """

    def __init__(self, network: LossNetwork, precision: Precision) -> None:
        self._dtype = _DTYPES[precision] or torch.float32
        network.encoders.to(self._dtype)
        self._network = network

    def __call__(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of pictures (N, 3, H, W) by layer."""
        features: dict[str, Tensor] = self._network(picture.to(self._dtype), layers)
        return features
