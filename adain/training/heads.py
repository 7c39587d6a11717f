"""What tells a teacher's features from the encoder's while it is distilled; not part of the result."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.nn.vgg import Encoder
from adain.training.objective import Features
from adain.training.recipe import WCTRecipe

__all__ = ["Head", "make_heads"]


class Head(nn.Module):
    """A 1x1 convolution from the encoder's channels to a teacher's.

    Args:
        inputs: channels of the encoder.
        outputs: channels of the teacher.
        scale: about the size of the teacher's features, which differs tenfold between teachers. It multiplies
            the output, so that all weights are learnt at one rate.
    """

    def __init__(self, inputs: int, outputs: int, *, scale: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, feature: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h, w)."""
        predicted: Tensor = self.conv(feature) * self.scale
        return predicted


def make_heads(
    network: nn.ModuleDict, features: Features, recipe: WCTRecipe, *, seed: int, device: torch.device
) -> nn.ModuleDict:
    """A head per distilled layer, initialised from `seed`; none where nothing is distilled."""
    if not recipe.distillation:
        return nn.ModuleDict()
    encoder = network["encoder"]
    assert isinstance(encoder, Encoder)
    heads = nn.ModuleDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clouds = F.interpolate(torch.rand(4, 3, 9, 9), size=(96, 96), mode="bicubic").clamp(0, 1)
        with torch.no_grad():
            teacher = features(clouds.to(device), recipe.distillation_layers)
        for name in recipe.distillation_layers:
            channels = encoder.widths[int(name[4]) - 1], teacher[name].shape[1]
            heads[name] = Head(*channels, scale=teacher[name].float().square().mean().sqrt().item())
    return heads.to(device)
