"""The adversarial loss: a patch discriminator tells stylized pictures from real style pictures.

The discriminator is the one of Isola et al. 2017 (arXiv:1611.07004) with the hinge loss of Lim & Ye 2017
(arXiv:1705.02894), and spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) instead of batch normalisation. It
does not know which style was asked for, so it learns what paintings in general look like.
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
BETAS = (0.5, 0.999)  # of Adam, as in Isola et al.


class PatchDiscriminator(nn.Module):
    """Scores patches of a picture, of 46 px with three widths; a positive score says that the patch looks real.

    Args:
        widths: channels of the layers; each layer halves the resolution.
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
        """Pictures (N, 3, H, W) in [0, 1], sides of at least 16 px, to scores (N, 1, h, w)."""
        scores: Tensor = self.layers(2 * picture - 1)
        return scores


class Adversary:
    """The discriminator, its optimizer, and the pictures of the current step.

    Args:
        learning_rate: the discriminator's.
        seed: decides the first weights.
        device: where it trains.
    """

    def __init__(self, learning_rate: float, *, seed: int, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = PatchDiscriminator().to(device)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, betas=BETAS)
        self._seen: tuple[Tensor, Tensor] | None = None

    def generator_loss(self, result: Tensor, style: Tensor) -> Tensor:
        """The generator's hinge loss of results (N, 3, H, W); `step` then learns from these results and styles."""
        self._seen = style.detach(), result.detach()
        self.network.requires_grad_(False)
        return losses.hinge_generator(self.network(result))

    def step(self) -> Tensor:
        """Train the discriminator on the pictures of the last `generator_loss`; return its loss (scalar)."""
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
        """The discriminator's and its optimizer's state, for a checkpoint."""
        return {"discriminator": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.network.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])
