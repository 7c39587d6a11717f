"""What makes a training step cheap or long, against what it stands for."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the torch extra")
from torch import nn  # noqa: E402

from adain.nn.operators import Operators  # noqa: E402
from adain.nn.vgg import Encoder  # noqa: E402
from adain.training.floors import at_least  # noqa: E402
from adain.training.loss_network import LossNetwork  # noqa: E402
from adain.training.muon import Muon  # noqa: E402
from adain.training.precision import MixedFeatures, autocast  # noqa: E402

LAST = torch.channels_last
OPTIONS = {"lr": 1e-2, "betas": (0.9, 0.999), "weight_decay": 0.0}


def layer() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(5, 12, 3).to(memory_format=LAST)


def differentiate(conv: nn.Conv2d, seed: int = 0) -> None:
    """Some gradient, of `seed`."""
    torch.manual_seed(seed)
    conv.zero_grad()
    conv(torch.randn(4, 5, 6, 6)).square().sum().backward()


def test_muon_goes_as_far_along_all_singular_vectors():
    conv = layer()
    before = conv.weight.detach().clone()
    differentiate(conv)
    gradient = conv.weight.grad.clone()
    Muon(conv.parameters(), **OPTIONS).step()
    step = (before - conv.weight.detach()).flatten(1)
    lengths = torch.linalg.svdvals(step)
    along = OPTIONS["lr"] * 0.2 * 45**0.5
    assert ((lengths > 0.6 * along) & (lengths < 1.25 * along)).all()
    assert torch.equal(conv.weight.grad, gradient)  # as it was: what clips and scales it goes on with it
    u, _, v = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    cosines = torch.diagonal(u.mT @ step @ v.mT) / lengths.mean()
    assert (cosines > 0.6).all()


def test_muon_leaves_biases_to_adamw():
    def stepped(optimizer: type[torch.optim.AdamW]) -> nn.Conv2d:
        conv = layer()
        differentiate(conv)
        optimizer(conv.parameters(), **OPTIONS).step()
        return conv

    muon, adamw = stepped(Muon), stepped(torch.optim.AdamW)
    torch.testing.assert_close(muon.bias, adamw.bias)
    assert not torch.allclose(muon.weight, adamw.weight)


def test_muon_goes_on_from_its_state_in_the_same_bits():
    def run(stop: int | None) -> nn.Conv2d:
        conv = layer()
        optimizer = Muon(conv.parameters(), **OPTIONS)
        for seed in range(4):
            if seed == stop:
                state = optimizer.state_dict()
                optimizer = Muon(conv.parameters(), **OPTIONS)
                optimizer.load_state_dict(state)
            differentiate(conv, seed)
            optimizer.step()
        return conv

    whole, resumed = run(None), run(2)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", [Muon, torch.optim.AdamW])
def test_a_gradient_that_is_not_finite_is_skipped_where_it_is(optimizer):
    def run(guarded: bool) -> nn.Conv2d:
        conv = layer()
        taken = optimizer(conv.parameters(), **OPTIONS, fused=True)
        for seed in range(5):
            differentiate(conv, seed)
            if guarded and seed in (0, 3):
                conv.weight.grad[2] = float("nan")
            if guarded:
                taken.found_inf = conv.weight.grad.sum().isnan().float()
            if guarded or seed not in (0, 3):
                taken.step()
        return conv

    left_out, skipped = run(False), run(True)
    for one, other in zip(left_out.parameters(), skipped.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_floor_has_the_derivative_of_a_maximum_and_leaves_the_layout():
    x = torch.randn(2, 6, 5, 7).to(memory_format=LAST)
    floor, gradient = torch.randn(2, 6, 1, 1), torch.randn(2, 6, 5, 7).to(memory_format=LAST)
    both = []
    for function in (at_least, torch.maximum):
        inputs = [x.clone().requires_grad_(), floor.clone().requires_grad_()]
        result = function(*inputs)
        both.append((result, *torch.autograd.grad(result, inputs, gradient)))
    for own, torchs in zip(*both, strict=True):
        torch.testing.assert_close(own, torchs)
    assert both[0][1].is_contiguous(memory_format=LAST)


def test_rounded_weights_are_what_autocast_makes_of_them():
    torch.manual_seed(0)
    picture, layers = torch.rand(1, 3, 32, 32), ("relu1_1", "relu2_1")
    encoder = Encoder((8, 16), 2)
    network = LossNetwork([(encoder, layers)], heads={"relu2_1": nn.Conv2d(16, 4, 1)})
    with torch.no_grad(), autocast(torch.device("cpu"), "bf16"):
        expected = network(picture, layers)
    found = MixedFeatures(network, "bf16")(picture, layers)
    assert all(torch.equal(found[name], expected[name]) for name in layers)
    assert found["relu2_1"].dtype == torch.bfloat16
    assert network.heads["relu2_1"].weight.dtype == torch.float32


@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST])
def test_channels_are_mixed_in_the_layout_they_have(layout):
    x, matrix = torch.randn(2, 6, 5, 7).to(memory_format=layout), torch.randn(2, 6, 6)
    mixed = Operators().mix_channels(matrix, x)
    torch.testing.assert_close(mixed, torch.einsum("nij,njhw->nihw", matrix, x))
    assert mixed.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("channels", [8, 96])
def test_a_covariance_by_rows_is_that_of_the_whole_map(channels):
    if not torch.cuda.is_available():
        pytest.skip("only CUDA has it by rows")
    x = 3 + torch.randn(2, channels, 9, 11, device="cuda").to(memory_format=LAST)
    for found, expected in zip(Operators().mean_covariance(x), Operators().mean_covariance(x.cpu()), strict=True):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)
