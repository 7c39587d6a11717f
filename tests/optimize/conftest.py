"""One thread, and a feature network that is small enough for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch):
    """VGG-19's layers with a few channels and random weights, in place of every feature network."""
    import torch

    from adain.nn.vgg import Encoder
    from adain.optimization import features

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder((6, 8, 8, 8, 8), 5).requires_grad_(False)
        for parameter in encoder.parameters():
            if parameter.dim() == 4:
                torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    encoder = features._frozen(encoder, torch.device("cpu"))
    network = dataclasses.replace(features._vgg("tiny", [encoder], torch.float32), band=112)
    monkeypatch.setattr(features, "load", lambda *args, **kwargs: network)
    return network


@pytest.fixture
def content() -> Image.Image:
    return Image.fromarray(photo(70, 52))


@pytest.fixture
def style() -> Image.Image:
    return Image.fromarray(painting(60, 48))


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
