"""Whole models in torch, as modules and behind the backend's protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import published
import pytest
import torch
from numpy.typing import NDArray
from pictures import read_tensor

from adain import registry
from adain.code import StyleCode, mix
from adain.engine.backend import Backend
from adain.errors import DeviceError, InputError
from adain.nn.build import build, load
from adain.nn.fusions import FUSIONS
from adain.nn.network import StyleTransfer
from adain.nn.newton_schulz import newton_schulz_roots
from adain.nn.operators import Operators, eigh_roots
from adain.nn.padding import crop_to, pad_to
from adain.nn.vgg import Decoder, Encoder
from adain.nn.vgg_networks import VGGNetwork
from adain.registry import Architecture
from adain.runtimes.torch_backend import TorchBackend, choose_device

MODELS = [published.thin(model) for model in (*registry.MODELS.values(), *published.OWN)]
SIZES = [(1, 1), (1, 7), (15, 17), (131, 77)]
WIDTHS = (4, 6, 8, 10, 12)

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.name)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchBackend:
    """Each row of the registry, thin, from random weights in its authors' files."""
    torch.manual_seed(0)
    return TorchBackend(request.param, published.save_random(request.param, tmp_path_factory.mktemp("w")), "cpu")


def network(model: registry.Model) -> StyleTransfer:
    torch.manual_seed(0)
    return build(model).eval().requires_grad_(False)


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((1, 3, height, width), np.float32)


def test_it_answers_the_protocol(backend: TorchBackend) -> None:
    answered: Backend = backend
    assert answered.device == "cpu"


@pytest.mark.parametrize("size", SIZES)
def test_output_has_the_contents_size(backend: TorchBackend, size: tuple[int, int]) -> None:
    code = backend.encode_style(pixels(20, 24))
    stylized = backend.stylize(pixels(*size), code, 0.7)
    assert stylized.shape == (1, 3, *size)
    assert stylized.dtype == np.float32
    assert np.isfinite(stylized).all()


@pytest.mark.parametrize("size", SIZES)
def test_a_style_of_every_size_has_a_code_of_one_shape(backend: TorchBackend, size: tuple[int, int]) -> None:
    code = backend.encode_style(pixels(*size))
    assert {name: array.shape for name, array in code.items()} == backend.network.code_shapes
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in code.values())


@pytest.mark.parametrize("color", [0.0, 1.0])
def test_one_colored_pictures_stay_finite(backend: TorchBackend, color: float) -> None:
    flat, busy = np.full((1, 3, 30, 20), color, np.float32), pixels(30, 20)
    for content, style in ((flat, busy), (busy, flat), (flat, flat)):
        assert np.isfinite(backend.stylize(content, backend.encode_style(style), 1.0)).all()


def test_read_only_and_sliced_arrays_are_taken(backend: TorchBackend) -> None:
    content = pixels(40, 40)[:, :, ::2, ::-1]
    content.flags.writeable = False
    code = backend.encode_style(content)
    for array in code.values():
        array.flags.writeable = False
    assert backend.stylize(content, code, 1.0).shape == content.shape


def test_another_models_code_is_refused(backend: TorchBackend) -> None:
    code = backend.encode_style(pixels(20, 24))
    name = next(iter(code))
    with pytest.raises(InputError, match=f"does not fit {backend.name}"):
        backend.stylize(pixels(8, 8), {**code, name: code[name][:-1]}, 1.0)
    with pytest.raises(InputError, match="encode the style with this model"):
        backend.stylize(pixels(8, 8), {}, 1.0)


def test_a_mixed_code_gives_the_convex_mix_of_the_features(backend: TorchBackend) -> None:
    codes = [StyleCode(backend.name, backend.encode_style(pixels(20, 24, seed))) for seed in (1, 2)]
    arrays = mix(codes, [1, 3]).arrays
    for name, array in arrays.items():
        expected = 0.25 * codes[0].arrays[name] + 0.75 * codes[1].arrays[name]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(backend.stylize(pixels(20, 24), arrays, 1.0)).all()


def vgg(levels: tuple[int, ...], fusion: str, encoders: list[Encoder]) -> VGGNetwork:
    """A network of those levels, with random decoders."""
    shape = Architecture(widths=WIDTHS, levels=levels, encoder_per_level=False, keys="own")
    decoders = [Decoder(WIDTHS, level) for level in levels]
    return VGGNetwork(encoders, decoders, shape.stages(fusion), Operators()).eval()


@pytest.mark.parametrize("fusion_name", list(FUSIONS))
def test_mixing_codes_is_mixing_fused_features(fusion_name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    content, *styles = (torch.rand(1, 5, 9, 11, generator=generator) for _ in range(3))
    fusion = FUSIONS[fusion_name](Operators())
    codes = [fusion.style(style) for style in styles]
    own = fusion.content(content)

    def fuse(code: dict[str, torch.Tensor]) -> torch.Tensor:
        return fusion.transfer(own, code, {name: array for name, array in code.items() if name in own}, 1.0)(content)

    mixed = {name: 0.3 * codes[0][name] + 0.7 * codes[1][name] for name in codes[0]}
    expected = 0.3 * fuse(codes[0]) + 0.7 * fuse(codes[1])
    torch.testing.assert_close(fuse(mixed), expected, rtol=1e-4, atol=1e-4)


def test_adain_at_alpha_0_is_the_contents_reconstruction() -> None:
    torch.manual_seed(0)
    model = vgg((4,), "adain", [Encoder(WIDTHS, 4)])
    content, style = torch.rand(1, 3, 32, 48), torch.rand(1, 3, 20, 20)
    with torch.inference_mode():
        got = model(content, model.encode_style(style), 0.0)
        torch.testing.assert_close(got, model.decoders[0](model.encoders[0](content)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("levels", [(5, 4, 3, 2, 1), (3,), (4, 2)])
def test_wct_at_alpha_0_is_the_contents_reconstruction(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoders = [Encoder(WIDTHS, level) for level in levels]
    model = vgg(levels, "wct", encoders)
    content, style = torch.rand(1, 3, 32, 48), torch.rand(1, 3, 20, 20)
    with torch.inference_mode():
        got = model(content, model.encode_style(style), 0.0)
        expected = content
        for encoder, decoder in zip(encoders, model.decoders, strict=True):
            expected = decoder(encoder(expected))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_one_encoder_may_serve_all_levels() -> None:
    torch.manual_seed(0)
    levels = (3, 2, 1)
    shared_encoder = Encoder(WIDTHS, 3)
    one, many = vgg(levels, "wct", [shared_encoder]), vgg(levels, "wct", [shared_encoder] * 3)
    many.load_state_dict({**many.state_dict(), **{k: v for k, v in one.state_dict().items() if "decoder" in k}})
    content, style = torch.rand(1, 3, 17, 30), torch.rand(1, 3, 21, 22)
    with torch.inference_mode():
        codes = one.encode_style(style), many.encode_style(style)
        for name in one.code_shapes:
            torch.testing.assert_close(codes[0][name], codes[1][name])
        torch.testing.assert_close(one(content, codes[0], 0.6), many(content, codes[1], 0.6))


@every_model
def test_pictures_of_a_batch_do_not_see_each_other(model: registry.Model) -> None:
    net = network(model)
    contents, styles = torch.rand(3, 3, 20, 33), torch.rand(3, 3, 24, 19)
    alphas = torch.tensor([[0.0], [0.5], [1.0]])
    together = net(contents, net.encode_style(styles), alphas)
    for i in range(3):
        one = slice(i, i + 1)
        alone = net(contents[one], net.encode_style(styles[one]), float(alphas[i]))
        torch.testing.assert_close(together[one], alone, rtol=1e-3, atol=1e-4)


@every_model
def test_one_code_may_serve_a_batch(model: registry.Model) -> None:
    net = network(model)
    contents, code = torch.rand(2, 3, 20, 33), net.encode_style(torch.rand(1, 3, 24, 19))
    together = net(contents, code, 0.8)
    torch.testing.assert_close(together[1:], net(contents[1:], code, 0.8), rtol=1e-3, atol=1e-4)


@every_model
def test_roots_can_be_replaced(model: registry.Model) -> None:
    if model.fusion != "wct":
        pytest.skip("AdaIN takes no roots")
    calls = []

    def roots(covariance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(covariance.shape)
        return eigh_roots(covariance)

    net = build(model, Operators(roots))
    net(torch.rand(1, 3, 8, 8), net.encode_style(torch.rand(1, 3, 8, 8)), 1.0)
    fused = [each for stage in set(model.stages) for each in stage.maps if each.fusion != "adain"]
    per_stage = [each for stage in model.stages for each in stage.maps if each.fusion != "adain"]
    assert len(calls) == len(fused) + len(per_stage), "one root of each map of the style, and of the content each time"


@pytest.mark.parametrize(("multiple", "minimum"), [(1, 1), (8, 9), (16, 17), (1, 17)])
@pytest.mark.parametrize("size", SIZES)
def test_padding_repeats_the_edge_and_is_cropped_away(size: tuple[int, int], multiple: int, minimum: int) -> None:
    image = torch.rand(1, 3, *size)
    padded = pad_to(image, multiple=multiple, minimum=minimum)
    assert all(side % multiple == 0 and side >= minimum for side in padded.shape[2:])
    assert all(new - old < max(multiple, minimum) * 2 for new, old in zip(padded.shape, image.shape, strict=True))
    assert torch.equal(crop_to(padded, image), image)
    assert torch.equal(padded[:, :, -1, -1], image[:, :, -1, -1])


@pytest.mark.heavy
@every_model
def test_it_compiles_to_one_graph(model: registry.Model) -> None:
    """What a CUDA graph can be of; `fullgraph` raises where there would be several."""
    net = build(model, Operators(newton_schulz_roots(dtype=torch.float64))).eval().requires_grad_(False)
    content = torch.from_numpy(pixels(40, 48))
    code = net.encode_style(torch.from_numpy(pixels(33, 35, 1)))
    compiled = torch.compile(net, backend="eager", fullgraph=True, dynamic=False)
    torch.testing.assert_close(compiled(content, code, 0.7), net(content, code, 0.7))


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cudax", "", "mps"])
def test_an_unknown_device_is_an_input_error(device: str) -> None:
    with pytest.raises(InputError, match="allowed: auto, cpu, cuda"):
        choose_device(device)


def test_auto_takes_what_there_is() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_absent_cuda_is_a_device_error_that_says_why() -> None:
    absent = f"cuda:{torch.cuda.device_count()}" if torch.cuda.is_available() else "cuda"
    with pytest.raises(DeviceError, match=rf"{absent} was asked for, but torch .* cannot use it: \w+"):
        choose_device(absent)


def test_auto_falls_back_where_cuda_fails(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", broken)
    assert choose_device("auto").type == "cpu"
    assert "no kernel image is available" in caplog.text


def test_a_cuda_device_gives_the_cpus_picture(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    model = MODELS[0]
    files = published.save_random(model, tmp_path)
    content, style = pixels(40, 50), pixels(30, 30, 1)
    results = []
    for device in ("cpu", "cuda"):
        on = TorchBackend(model, files, device)
        results.append(on.stylize(content, on.encode_style(style), 1.0))
    np.testing.assert_allclose(results[1], results[0], atol=5e-3)  # convolutions may run in TF32


@pytest.mark.parametrize("level", [5, 1])
def test_five_level_wct_of_real_pictures(shared: Path, level: int) -> None:
    """The distilled networks turn a photograph into the painting's colours, strongly and without breaking."""
    model = registry.get("wct-collab-distill")
    folder = shared / "weights/original/collaborative-distillation"
    net = load(model, {file.role: folder / file.name for file in model.files})
    assert isinstance(net, VGGNetwork)
    content = read_tensor(shared / "images/content/cornell.jpg", 96)
    style = read_tensor(shared / "images/style/la_muse.jpg", 96)
    with torch.inference_mode():
        stylized = net(content, net.encode_style(style), 0.6)
        again = net.encode_style(stylized.clamp(0, 1))[f"relu{level}_1.mean"]
        means = [net.encode_style(image)[f"relu{level}_1.mean"] for image in (content, style)]
    assert stylized.shape == content.shape
    assert -0.1 < stylized.mean() < 1.1
    assert (again - means[1]).norm() < 0.6 * (means[0] - means[1]).norm()
