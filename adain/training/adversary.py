"""An adversarial loss: a discriminator of patches that tells stylized pictures from real style pictures.

The convolutional patch discriminator of Isola et al. 2017 (arXiv:1611.07004) with the hinge loss of Lim & Ye
2017 (arXiv:1705.02894) and spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) instead of batch
normalisation. It learns what paintings look like, not which painting: it is not told the style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from adain.training import losses

__all__ = ["Adversary", "PatchDiscriminator"]

WIDTHS = (32, 64, 128)
BETAS = (0.5, 0.999)  # of Adam, as Isola et al. have them


class PatchDiscriminator(nn.Module):
    """Pictures to a score per patch of 46 pixels (with three widths), positive for what looks real.

    Args:
        widths: channels, each at half the resolution of the one before.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in widths:
            layers += [spectral_norm(nn.Conv2d(channels, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
            channels = width
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 4, 1, 1)))

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], sides of at least 16 pixels, to scores (N, 1, h, w)."""
        scores: Tensor = self.layers(2 * picture - 1)
        return scores


class Adversary:
    """The discriminator, its optimizer, and the pictures of the step under way.

    Args:
        learning_rate: of the discriminator.
        seed: of its first weights.
        device: where it trains.
    """

    def __init__(self, learning_rate: float, *, seed: int, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = PatchDiscriminator().to(device)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, betas=BETAS)
        self._seen: tuple[Tensor, Tensor] | None = None

    def generator_loss(self, result: Tensor, style: Tensor) -> Tensor:
        """The hinge loss of results (N, 3, H, W); they and the styles are what `step` will learn from."""
        self._seen = style.detach(), result.detach()
        self.network.requires_grad_(False)
        return losses.hinge_generator(self.network(result))

    def step(self) -> Tensor:
        """One step of the discriminator on the pictures of the last `generator_loss`; its loss (scalar)."""
        assert self._seen is not None
        real, fake = self._seen
        self.network.requires_grad_(True)
        loss = losses.hinge_discriminator(self.network(real), self.network(fake))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._seen = None
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"discriminator": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """From a checkpoint."""
        self.network.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])
