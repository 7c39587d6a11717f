"""Newton-Schulz roots against the eigendecomposition, on common spectra and on the worst ones."""

from __future__ import annotations

import pytest
import torch

from adain.nn.fusions.wct import WCT, regularized
from adain.nn.newton_schulz import newton_schulz_roots, scale_factors
from adain.nn.operators import MatrixRoots, Operators, eigh_roots

FLOAT32 = 2e-3  # of a norm; what float32 products leave where the smallest eigenvalue is 1e-5 of the trace
FLOAT64 = 1e-5  # of a norm; what ten steps leave


def _features(kind: str, channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    if kind == "decaying":  # as relu features: non-negative, standard deviations over three decades
        return (noise(1, channels, 20, 20) * torch.logspace(2, -1, channels)[:, None, None]).relu()
    if kind == "dependent":  # rank 3, as of a grey picture
        return torch.einsum("ck,nkhw->nchw", noise(channels, 3), noise(1, 3, 20, 20)).relu() * 30
    if kind == "few pixels":
        return 5 * noise(1, channels, 2, 2)
    if kind == "dead channels":
        return noise(1, channels, 10, 10).relu() * (torch.arange(channels) % 2)[:, None, None]
    assert kind == "flat"
    return torch.full((1, channels, 5, 5), 7.0)


KINDS = ["decaying", "dependent", "few pixels", "dead channels", "flat"]


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp_min(1e-9))


@pytest.mark.parametrize("channels", [3, 24, 128])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, FLOAT32), (torch.float64, FLOAT64)])
def test_roots_are_those_of_the_eigendecomposition(kind: str, channels: int, dtype: torch.dtype, limit: float) -> None:
    covariance = regularized(Operators().mean_covariance(_features(kind, channels))[1])
    for root, exact in zip(newton_schulz_roots(dtype=dtype)(covariance), eigh_roots(covariance), strict=True):
        assert root.dtype == covariance.dtype
        assert _distance(root, exact) < limit


@pytest.mark.parametrize("kind", KINDS)
def test_stylised_features_agree(kind: str) -> None:
    content, style = _features(kind, 64), _features("decaying", 64)
    code = WCT(Operators()).style(style)

    def wct(roots: MatrixRoots) -> torch.Tensor:
        fusion = WCT(Operators(roots))
        return fusion.transfer(fusion.content(content), code, {"mean": code["mean"]}, 1.0)(content)

    fused, exact = wct(newton_schulz_roots()), wct(eigh_roots)
    assert _distance(fused, exact) < FLOAT32


def test_an_empty_covariance_has_finite_roots() -> None:
    whitening, coloring = newton_schulz_roots()(regularized(torch.zeros(1, 16, 16)))
    assert torch.isfinite(whitening).all()
    assert torch.isfinite(coloring).all()


def test_a_batch_is_each_of_its_matrices() -> None:
    covariances = regularized(torch.cat([Operators().mean_covariance(_features(kind, 8))[1] for kind in KINDS]))
    roots = newton_schulz_roots()
    for index in range(len(KINDS)):
        for whole, single in zip(roots(covariances), roots(covariances[index : index + 1]), strict=True):
            torch.testing.assert_close(whole[index], single[0])


def test_scale_factors_bring_the_least_eigenvalue_to_one() -> None:
    for channels in (3, 64, 512):
        root = (1e-3 / channels / 1.001) ** 0.5
        for factor in scale_factors(channels):
            root = factor * root * (3 - (factor * root) ** 2) / 2
        assert root == pytest.approx(1, abs=1e-3)
