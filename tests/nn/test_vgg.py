"""Encoders and decoders of the VGG-19 family, held against the networks as published."""

from __future__ import annotations

import math
from pathlib import Path

import published
import pytest
import torch
from pictures import read_tensor
from torch import nn

from adain import registry
from adain.nn import checkpoints, padding
from adain.nn.build import build, parts
from adain.nn.vgg import Conv, Decoder, Encoder, decoder_layers, smallest_side

WIDTHS = (4, 6, 8, 10, 12)
LEVELS = (1, 2, 3, 4, 5)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_full_width_adain_model_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = build(registry.get("adain-vgg19"))
    assert parameters(network.get_submodule("encoders")) == 3_505_740
    assert parameters(network.get_submodule("decoders")) == 3_505_219


def test_the_adain_decoder_has_the_published_layers() -> None:
    layers = decoder_layers(published.FULL, 4, output_relu=False)
    steps = [(layer.inputs, layer.outputs) if isinstance(layer, Conv) else layer for layer in layers]
    assert steps == [
        (512, 256), "up", (256, 256), (256, 256), (256, 256), (256, 128), "up", (128, 128), (128, 64), "up",
        (64, 64), (64, 3),
    ]  # fmt: skip
    assert [layer.relu for layer in layers if isinstance(layer, Conv)] == [True] * 8 + [False]


@pytest.mark.parametrize("level", LEVELS)
def test_an_encoder_computes_what_the_published_one_does(level: int, tmp_path: Path) -> None:
    reference = published.encoder(WIDTHS)
    torch.save(reference.state_dict(), tmp_path / "vgg.pth")
    encoder = Encoder(WIDTHS, level)
    checkpoints.load_into(encoder, tmp_path / "vgg.pth", "index")
    image = torch.rand(2, 3, 37, 50)
    with torch.inference_mode():
        to_tap = reference[: (4, 11, 18, 31, 44)[level - 1]]
        torch.testing.assert_close(encoder(image), to_tap(image))


@pytest.mark.parametrize("level", LEVELS)
def test_a_decoder_computes_what_the_published_one_does(level: int, tmp_path: Path) -> None:
    reference = published.decoder(WIDTHS, level)
    torch.save(reference.state_dict(), tmp_path / "decoder.pth")
    decoder = Decoder(WIDTHS, level)
    checkpoints.load_into(decoder, tmp_path / "decoder.pth", "index")
    feature = torch.rand(2, WIDTHS[level - 1], 3, 4)
    with torch.inference_mode():
        image = decoder(feature)
        torch.testing.assert_close(image, reference(feature))
    assert image.shape == (2, 3, 3 * 2 ** (level - 1), 4 * 2 ** (level - 1))


def test_a_decoder_may_end_with_a_relu() -> None:
    feature = torch.rand(1, WIDTHS[1], 8, 8)
    plain = Decoder(WIDTHS, 2)
    rectified = Decoder(WIDTHS, 2, output_relu=True)
    rectified.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(rectified(feature), plain(feature).relu())


def test_pooling_keeps_odd_edges() -> None:
    taps = Encoder(WIDTHS, 5).taps(torch.rand(1, 3, 33, 50), LEVELS)
    assert [tuple(taps[level].shape[1:]) for level in LEVELS] == [
        (4, 33, 50), (6, 17, 25), (8, 9, 13), (10, 5, 7), (12, 3, 4),
    ]  # fmt: skip


def test_taps_in_one_pass_are_those_of_separate_passes() -> None:
    encoder, image = Encoder(WIDTHS, 5), torch.rand(1, 3, 40, 33)
    taps = encoder.taps(image, (4, 1))
    assert set(taps) == {1, 4}
    for level, feature in taps.items():
        assert torch.equal(feature, encoder(image, level))


@pytest.mark.parametrize("level", LEVELS)
def test_the_smallest_side_is_the_smallest(level: int) -> None:
    encoder, side = Encoder(WIDTHS, level), smallest_side(level)
    assert encoder(torch.rand(1, 3, side, side)).isfinite().all()
    with pytest.raises(RuntimeError, match=r"(?i)padding"):
        encoder(torch.rand(1, 3, side - 1, side))


@pytest.mark.parametrize(("level", "decibels"), [(1, 24.6), (2, 28.2), (3, 23.9)])
def test_the_exact_vgg19_reconstructs_a_photograph(shared: Path, level: int, decibels: float) -> None:
    """As measured once; level 1's decoder sharpens a little, level 3's loses fine texture."""
    folder, model = shared / "weights/original/deep-transfer", registry.get("wct-vgg19")
    pieces = parts(model.architecture)
    encoder, decoder = pieces[f"encoder{level}"], pieces[f"decoder{level}"]
    checkpoints.load_into(encoder, folder / f"vgg_normalised_conv{level}_1.pth", "index")
    checkpoints.load_into(decoder, folder / f"feature_invertor_conv{level}_1.pth", "index")
    image = read_tensor(shared / "images/content/cornell.jpg", 160)[:, :, :112]
    with torch.inference_mode():
        reconstruction = decoder(encoder(image)).clamp(0, 1)
    psnr = -10 * math.log10((reconstruction - image).square().mean().item())
    assert psnr > decibels - 1  # decoding a JPEG and scaling it differ between versions of Pillow


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("size", [(7, 9), (4, 3), (2, 2)])
def test_the_padding_for_cuda_is_a_reflection_and_so_is_its_gradient(
    size: tuple[int, int], layout: torch.memory_format
) -> None:
    ours, torchs = (torch.rand(2, 5, *size).contiguous(memory_format=layout).requires_grad_() for _ in range(2))
    torchs.data.copy_(ours.data)
    padded, reflected = padding._Reflected.apply(ours), padding.reflected(torchs, 1)
    torch.testing.assert_close(padded, reflected, rtol=0, atol=0)
    assert padded.is_contiguous(memory_format=torch.channels_last)
    towards = torch.rand_like(reflected)
    padded.backward(towards)
    reflected.backward(towards)
    torch.testing.assert_close(ours.grad, torchs.grad)
