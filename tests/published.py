"""The published networks written out as their authors did, to hold the package's own description against.

`Sequential`s have the module indices of the AdaIN and WCT papers' files; `distilled_state` has the layer
names of Collaborative Distillation's. Nothing of these uses the package's layers.

`OWN` are rows as this project's networks have them, everything in one file under the package's own names.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from adain.nn.build import parts
from adain.registry import Architecture, Model, SlimArchitecture, WeightFile

ENCODER = "11 12 P 21 22 P 31 32 33 34 P 41 42 43 44 P 51 52 53 54"
DECODER = "51 U 44 43 42 41 U 34 33 32 31 U 22 21 U 12 11"
FULL = (64, 128, 256, 512, 512)


def _own(name: str, fusion: Literal["adain", "wct"], architecture: Architecture | SlimArchitecture) -> Model:
    file = WeightFile(role="model", name=f"{name}.safetensors", url=None, bytes=None, sha256=None, licence="MIT")
    return Model(
        name=name,
        summary="Made up.",
        fusion=fusion,
        architecture=architecture,
        files=(file,),
        source="made up",
        paper="Nobody 2025, arXiv:0000.00000",
        default_alpha=1.0,
    )


OWN = (
    _own("own-adain", "adain", SlimArchitecture(widths=(64, 96, 128), hidden=64, covariances=())),
    _own(
        "own-wct",
        "wct",
        Architecture(widths=(64, 64, 96, 96, 96), levels=(5, 4, 3, 2, 1), encoder_per_level=False, keys="own"),
    ),
)


def encoder(widths: tuple[int, ...], last: str = "54") -> nn.Sequential:
    """`vgg_normalised.pth`: 53 modules, or those up to a layer's ReLU."""
    modules: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for name in ENCODER[: ENCODER.index(last) + 2].split():
        if name == "P":
            modules.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            continue
        width = widths[int(name[0]) - 1]
        modules += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
        channels = width
    return nn.Sequential(*modules)


def decoder(widths: tuple[int, ...], level: int) -> nn.Sequential:
    """`decoder.pth` (level 4) and `feature_invertor_conv{level}_1.pth`: no ReLU at the end."""
    modules: list[nn.Module] = []
    for name in DECODER[DECODER.index(f"{level}1") :].split():
        if name == "U":
            modules.append(nn.Upsample(scale_factor=2, mode="nearest"))
        else:
            inputs, outputs = decoder_channels(widths, name)
            modules += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def decoder_channels(widths: tuple[int, ...], name: str) -> tuple[int, int]:
    """Into and out of a decoder's convolution; those numbered 1 lead to the next finer block."""
    block, index = int(name[0]), int(name[1])
    finer = widths[block - 2] if block > 1 else 3
    return widths[block - 1], finer if index == 1 else widths[block - 1]


def distilled_state(widths: tuple[int, ...], level: int, *, decodes: bool) -> dict[str, Tensor]:
    """Random weights under the names in `{level}SE.pth` or `{level}SD.pth`."""
    state: dict[str, Tensor] = {}
    if decodes:
        for name in DECODER[DECODER.index(f"{level}1") :].replace("U", "").split():
            _add(state, f"conv{name}", *decoder_channels(widths, name), 3)
        return state
    _add(state, "conv0", 3, 3, 1)
    channels = 3
    for name in ENCODER[: ENCODER.index(f"{level}1") + 2].replace("P", "").split():
        width = widths[int(name[0]) - 1]
        _add(state, f"conv{name}", channels, width, 3)
        channels = width
    for block in range(1, level + 1):
        _add(state, f"conv{block}1_aux", widths[block - 1], FULL[block - 1], 1)
    return state


def _add(state: dict[str, Tensor], name: str, inputs: int, outputs: int, kernel: int) -> None:
    conv = nn.Conv2d(inputs, outputs, kernel)
    state[f"{name}.weight"] = conv.weight.detach()
    state[f"{name}.bias"] = conv.bias.detach()


def thin(model: Model, by: int = 16) -> Model:
    """The same row with a fraction of the channels."""
    shape = model.architecture
    widths = tuple(max(width // by, 2) for width in shape.widths)
    if isinstance(shape, SlimArchitecture):
        return replace(model, architecture=replace(shape, widths=widths))
    level1_width = None if shape.level1_width is None else widths[0] + 1
    return replace(model, architecture=replace(shape, widths=widths, level1_width=level1_width))


def save_random(model: Model, folder: Path) -> dict[str, Path]:
    """Random weights of a row in its authors' files and key scheme; a path per role."""
    shape = model.architecture
    paths: dict[str, Path] = {}
    if isinstance(shape, SlimArchitecture) or shape.keys == "own":
        (file,) = model.files
        save_file(parts(shape)["model"].state_dict(), folder / file.name)
        return {"model": folder / file.name}
    for file in model.files:
        level = int(file.role[-1]) if file.role[-1].isdigit() else max(shape.levels)
        widths = shape.widths_at(level)
        decodes = file.role.startswith("decoder")
        if shape.keys == "layer":
            content: object = {"model": distilled_state(widths, level, decodes=decodes), "epoch": 20}
        elif decodes:
            content = decoder(widths, level).state_dict()
        else:
            content = encoder(widths, f"{level}1" if shape.encoder_per_level else "54").state_dict()
        paths[file.role] = folder / file.name
        torch.save(content, paths[file.role])
    return paths
