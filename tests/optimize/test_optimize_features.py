"""Feature networks by name: the layers they give, and the sizes of their maps."""

from __future__ import annotations

import pytest
from pictures import painting, photo

torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")

from adain import OptimizeOptions, WeightsError  # noqa: E402
from adain.optimization import features, objective  # noqa: E402
from adain.optimization.picture import Optimization  # noqa: E402
from adain.optimization.torchvision_vgg import TorchvisionVGG19  # noqa: E402

CPU = torch.device("cpu")


def check_maps(network: features.Features) -> None:
    """Sizes are as said, and a picture in tiles gives the maps of the whole."""
    height, width = 463, 40
    layers = tuple(dict.fromkeys((*network.style_layers, *network.content_layers)))
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    target = objective.Target(picture, [picture], [1.0])
    with torch.no_grad():
        whole = objective.Objective(network, {"total_variation": 1.0}, target)._maps(picture, layers)
        tiled = objective.Objective(network, {"total_variation": 1.0}, target, tile=448)._maps(picture, layers)
    for layer, x in whole.items():
        assert x.shape[1:] == (network.sides(height, layer), network.sides(width, layer)), layer
        torch.testing.assert_close(x, tiled[layer], rtol=1e-3, atol=1e-3 * x.abs().max().item())


def test_the_encoder_of_a_model():
    network = features.load("adain-slim", device=CPU)
    assert network.style_layers == ("x2", "x4", "x8")
    check_maps(network)


def test_vgg16_gives_relu4_2():
    pytest.importorskip("stlpips_pytorch", reason="needs the extra perceptual")
    network = features.load("vgg16", device=CPU)
    assert network.content_layers == ("relu4_2",)
    check_maps(network)
    assert features.load(None, device=CPU).name == "vgg16"


def test_vgg19(tiny):
    check_maps(tiny)


def test_torchvision_reads_its_own_file(tmp_path):
    from torchvision.models.vgg import cfgs, make_layers

    with pytest.raises(WeightsError, match="torchvision's VGG-19 is missing"):
        TorchvisionVGG19.load(tmp_path / "vgg19.pth")
    made = make_layers(cfgs["E"])
    state = {f"features.{name}": value for name, value in made.state_dict().items()}
    torch.save(state, tmp_path / "vgg19.pth")
    network = TorchvisionVGG19.load(tmp_path / "vgg19.pth").requires_grad_(False).eval()
    picture = torch.rand(1, 3, 40, 32)
    maps = network.named(picture, ("relu1_1", "relu5_1"))
    mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(maps["relu5_1"], made[:30]((picture - mean) / std).detach())
    check_maps(features._whole_vgg("torchvision", network.named, features._floored, torch.float32))


def test_bf16_is_near_fp32():
    exact, rough = (features.load("adain-slim", precision=kind, device=CPU) for kind in (None, "bf16"))
    picture = torch.rand(1, 3, 64, 64)
    maps = exact(picture, ("x8",))["x8"], rough(picture, ("x8",))["x8"]
    assert maps[1].dtype == torch.float32
    assert 0 < (maps[0] - maps[1]).norm() < 0.05 * maps[0].norm()


def test_weights_are_searched_in_the_named_folder_first(tmp_path):
    (tmp_path / "adain-slim.safetensors").write_bytes(b"damaged")
    options = OptimizeOptions(features="adain-slim", weights_dir=tmp_path)
    with pytest.raises(WeightsError, match=r"adain-slim\.safetensors"):
        Optimization(photo(), [painting()], options)
