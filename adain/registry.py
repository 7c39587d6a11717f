"""Registry: the table of the networks this package can load, with shapes, files, licences and papers. Data only.

To add a model, add a `Model` to `_TABLE`: the command line's choices, the downloads and the contract tests follow from
it. The files of this project's own networks are in `weights/` and have no url.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from adain import checks
from adain.errors import InputError

__all__ = [
    "DEFAULT",
    "MODELS",
    "Architecture",
    "FusedMap",
    "Model",
    "SlimArchitecture",
    "Stage",
    "WeightFile",
    "get",
    "preferred",
]


@dataclass(frozen=True)
class FusedMap:
    """A feature map that a fusion changes to the style's statistics.

    Attributes:
        name: the name in style codes and graphs: `relu4_1`, or `x8` for the map at an eighth of the resolution.
        stride: pixels of the picture per pixel of the map, along each side.
        channels: number of channels.
        fusion: a name in `adain.engine.fusions.FUSIONS`.
    """

    name: str
    stride: int
    channels: int
    fusion: str


@dataclass(frozen=True)
class Stage:
    """One pass of a picture through an encoder, a fusion and a decoder.

    Attributes:
        name: name of its networks and graphs. Two stages with the same name are the same stage, run twice.
        maps: the fused maps.
        numbers_per_pixel: numbers in its widest map, per pixel of the picture.
    """

    name: str
    maps: tuple[FusedMap, ...]
    numbers_per_pixel: float


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The shapes of a VGG-19-like encoder and of the decoders that invert it.

    Attributes:
        widths: channels of VGG's five blocks (fewer if the saved network stops earlier).
        levels: k of each fused relu{k}_1, in the order of application; each level has a decoder.
        encoder_per_level: whether each level has its own encoder (roles `encoder1` to `encoder5`, and `decoder1` to
            `decoder5`), or all share one (role `encoder`; a single decoder is `decoder`).
        keys: how the files name parameters: `index` in the saved Sequential (`2.weight`), `layer` (`conv11.weight`),
            or `own`: this package's names, with all roles in one file of the role `model`
            (`encoder.conv1_1.weight`, `decoder5.conv5_1.weight`).
        output_relu: whether a ReLU follows the decoders' last convolution.
        level1_width: channels of the first block in the networks of level 1, if different.
    """

    widths: tuple[int, ...]
    levels: tuple[int, ...]
    encoder_per_level: bool
    keys: Literal["index", "layer", "own"]
    output_relu: bool = False
    level1_width: int | None = None

    def widths_at(self, level: int) -> tuple[int, ...]:
        """Return the channels of the blocks in the networks of one level."""
        return (self.level1_width,) if level == 1 and self.level1_width is not None else self.widths

    def stages(self, fusion: str) -> tuple[Stage, ...]:
        """Return one stage per level, in their order. Each encodes its own input picture."""
        return tuple(self._stage(level, fusion) for level in self.levels)

    def _stage(self, level: int, fusion: str) -> Stage:
        widths = self.widths_at(level)
        fused = FusedMap(f"relu{level}_1", 1 << (level - 1), widths[level - 1], fusion)
        return Stage(fused.name, (fused,), max(width / (1 << 2 * block) for block, width in enumerate(widths)))


@dataclass(frozen=True, kw_only=True)
class SlimArchitecture:
    """The shapes of this project's own networks, `adain.nn.slim`; each has one file of the role `model`.

    Attributes:
        widths: channels at a half, a quarter and an eighth of the picture's resolution.
        hidden: width of the layer between the style code and the decoder's gains.
        covariances: the maps that take the style's full covariance, by scale: 2 is the map at half the resolution.
            The other maps take its deviations.
        passes: number of passes of a picture through the network.
    """

    widths: tuple[int, ...]
    hidden: int
    covariances: tuple[int, ...]
    passes: int = 1
    keys: Literal["own"] = "own"

    def stages(self, fusion: str) -> tuple[Stage, ...]:
        """Return one stage per pass, all the same, named after its deepest map."""
        scales = [2 << position for position in range(len(self.widths))]
        maps = tuple(
            FusedMap(f"x{scale}", scale, width, "wct-std" if scale in self.covariances else "adain")
            for scale, width in zip(scales, self.widths, strict=True)
        )
        widest = max(each.channels / each.stride**2 for each in maps)
        return (Stage(maps[-1].name, maps, widest),) * self.passes


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    r"""One file of weights.

    Attributes:
        role: the part of the network: `encoder`, `decoder`, `encoder1` to `encoder5`, `decoder1` to `decoder5`, or
            `model` if one file holds all parts.
        name: the file's name in a weights directory and in the cache.
        url: the authors' address; None if the file ships with this package.
        bytes: size; None if unknown.
        sha256: hash of the content, 64 hex digits; None if unknown, then `git_blob` is known.
        git_blob: git's id of the content: sha1 of `blob <size>\0` and the content, 40 hex digits.
        licence: SPDX identifier.
    """

    role: str
    name: str
    url: str | None
    bytes: int | None
    sha256: str | None
    git_blob: str | None = None
    licence: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A row of the table.

    Attributes:
        name: the name users give.
        summary: one line for a list of models.
        fusion: how features are stylised: `adain` or `wct`.
        architecture: the networks' shapes.
        files: the weights, one file per role.
        source: origin of the weights.
        paper: authors, year, arXiv id.
        default_alpha: default strength of the style, in [0, 1].
        default_strokes: default width of the brush, in [0, 1]; 0 for networks that are not trained for drafts.
        code_digest: `adain.trained.code_digest` of the weights. None for published weights that never change: their
            name is enough.
    """

    name: str
    summary: str
    fusion: Literal["adain", "wct"]
    architecture: Architecture | SlimArchitecture
    files: tuple[WeightFile, ...]
    source: str
    paper: str
    default_alpha: float
    code_digest: str | None = None
    default_strokes: float = 0.0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that a picture passes, in order."""
        return self.architecture.stages(self.fusion)

    @property
    def licence(self) -> str:
        """The SPDX expression for the weights."""
        return " AND ".join(dict.fromkeys(file.licence for file in self.files))

    @property
    def shipped(self) -> bool:
        """Whether all files come with this package."""
        return all(file.url is None for file in self.files)

    @property
    def bytes(self) -> int | None:
        """The size of all files together; None if the size of a file is unknown."""
        total = 0
        for file in self.files:
            if file.bytes is None:
                return None
            total += file.bytes
        return total


_VGG19 = (64, 128, 256, 512, 512)
_LEVELS = (5, 4, 3, 2, 1)  # WCT goes from coarse to fine

_PYTORCH_ADAIN = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/"
# Commits, not branches: the files of a branch can change, and then the hashes no longer fit.
_DEEP_TRANSFER = (
    "https://raw.githubusercontent.com/pietrocarbo/deep-transfer/"
    "e87e72f9f8612062431a82289b758ef570da52c3/models/autoencoder_vgg19/"
)
_COLLABORATIVE_DISTILLATION = (
    "https://raw.githubusercontent.com/MingSun-Tse/Collaborative-Distillation/"
    "4a269dc90020721ef9b279b2926c62f5bcd6d209/trained_models/"
)
# `5SE.pth` and so on are symbolic links there, which raw.githubusercontent.com does not follow. These are the targets.
_COLLAB_PATHS = {
    "encoder1": "wct_se_16x_new/20191110-133713_E20.pth",
    "encoder2": "wct_se_16x_new/20191110-132713_E20.pth",
    "encoder3": "wct_se_16x_new/20191110-132705_E20.pth",
    "encoder4": "wct_se_16x_new/20191110-132643_E20.pth",
    "encoder5": "wct_se_16x_new/20191109-211322_E20.pth",
    "decoder1": "wct_se_16x_new_sd/20191111-091942_E20.pth",
    "decoder2": "wct_se_16x_new_sd/20191111-091932_E20.pth",
    "decoder3": "wct_se_16x_new_sd/20191111-091929_E20.pth",
    "decoder4": "wct_se_16x_new_sd/20191111-092553_E20.pth",
    "decoder5": "wct_se_16x_new_sd/20191110-204615_E20.pth",
}


def _adain_file(role: str, name: str, size: int, sha256: str) -> WeightFile:
    return WeightFile(role=role, name=name, url=_PYTORCH_ADAIN + name, bytes=size, sha256=sha256, licence="MIT")


def _wct_file(
    role: str, size: int | None = None, sha256: str | None = None, *, git_blob: str | None = None
) -> WeightFile:
    level = role[-1]
    kind = "vgg_normalised" if role.startswith("encoder") else "feature_invertor"
    name = f"{kind}_conv{level}_1.pth"
    url = f"{_DEEP_TRANSFER}vgg19_{level}/{name}"
    return WeightFile(role=role, name=name, url=url, bytes=size, sha256=sha256, git_blob=git_blob, licence="Apache-2.0")


def _collab_file(role: str, size: int, sha256: str) -> WeightFile:
    name = f"{role[-1]}{'SE' if role.startswith('encoder') else 'SD'}.pth"
    url = _COLLABORATIVE_DISTILLATION + _COLLAB_PATHS[role]
    return WeightFile(role=role, name=name, url=url, bytes=size, sha256=sha256, licence="MIT")


_ADAIN_FILES = (
    _adain_file(
        "encoder",
        "vgg_normalised.pth",
        80_102_481,
        "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
    ),
    _adain_file(
        "decoder",
        "decoder.pth",
        14_023_458,
        "379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
    ),
)

_WCT_FILES = (
    _wct_file("encoder1", 8_031, "9f60c0230232985e2505eeaaeb670119eacfd590cb06c2ea752538b974a1d2aa"),
    _wct_file("encoder2", 451_726, "b86e3e26b907a9d97a0567826b18fc85c23b5873acc1c2b7ddb9b0a70fc4a0cb"),
    _wct_file("encoder3", 2_223_308, "ff8506173d3a17e7b0fbfbff242c00b6827cfbcd7c21852b46806ae6a3fd7b09"),
    # For levels 4 and 5 only the git blob ids in the repository's tree are known; such an id also covers the size.
    _wct_file("encoder4", git_blob="48d10de68c06b7e79e1935f3ce230a72f68998d3"),
    _wct_file("encoder5", git_blob="f662e4d9927a7c30c0e9a2e71d75a355a9ab4f7d"),
    _wct_file("decoder1", 7_488, "78e72d8d80ea9460c45bc89bf9c29d0804639771e443a18c46e20e1f73a57578"),
    _wct_file("decoder2", 450_926, "4d4134c572dfa273b4f1f3d76a2439d62197a018de6d743c2b9d85b2093c409e"),
    _wct_file("decoder3", 2_221_993, "f32bc7bd366ff027936b3d90a98bc3f8667ba3f2762df916261a0586c5e30ab5"),
    _wct_file("decoder4", git_blob="63fef9331525cfaa2b555db98a661d1c3510d0f3"),
    _wct_file("decoder5", git_blob="eacbc8e8387d7575240a613c5a4c147ffb805f03"),
)

_COLLAB_FILES = (
    _collab_file("encoder1", 10_271, "f74755a65164a88e0db8cbb7d99d7078b9fa505df0953fac5123bfc7c84e0ea4"),
    _collab_file("encoder2", 52_833, "cb654af6bae77176f8c7721c965483e865b987f2f1612dda1ba0d0b5c3819a61"),
    _collab_file("encoder3", 231_124, "269cdd0e2634e3e1e5d3005b9e7eca0f4cc8077653fee1ac8c0cf1cbe9ab8758"),
    _collab_file("encoder4", 1_235_183, "d2f059cbcd6669556a43aadef58d20c8b280462c18b60a9e7424a14dd271cd6b"),
    _collab_file("encoder5", 3_862_288, "9417c34d0d8d621bc6af78be745f1b8d30f5f210efa01e50655c60eb3770816b"),
    _collab_file("decoder1", 3_220, "05f26ad40044c019da0cf731372d5bd2ee4b477825c7f45508da70b1cd5a95fd"),
    _collab_file("decoder2", 30_672, "94dd26f0e69857f79bf284a43a3708aa05c09c2593427c7f6e400ad12ce314e6"),
    _collab_file("decoder3", 142_014, "005faba27859435762a8a9386116c00629cd8835a01617d0a71defa577c42174"),
    _collab_file("decoder4", 881_308, "902f65e2c6033d803d02df552eb898e5985190a7ae67d155e384826eec6f04cb"),
    _collab_file("decoder5", 3_243_622, "17fd0f81622f01366eb21cb4d40140ee38cf988ed6eaf266629709c397a8b485"),
)

_SLIM = SlimArchitecture(widths=(32, 64, 128), hidden=96, covariances=(2,))

_TABLE = (
    Model(
        name="adain-slim",
        summary="This project's own small network: AdaIN, with WCT for colours; 26 times lighter than VGG-19.",
        fusion="adain",
        architecture=_SLIM,
        files=(
            WeightFile(
                role="model",
                name="adain-slim.safetensors",
                url=None,
                bytes=2_317_464,
                sha256="1f5bb5a90dcc5dff2f99c515136ebbf2433a7027757eff0f62e878a6c26be2d7",
                licence="MIT",
            ),
        ),
        source="this project, see weights/README.md",
        paper="after Huang & Belongie 2017, arXiv:1703.06868",
        default_alpha=1.0,
        code_digest="c9d2f3a4e02e4de04a3e800a7b39a6e14a9d9c217f4558bc1f8da466f47b84bf",
        default_strokes=0.5,
    ),
    Model(
        name="wct-slim",
        summary="The same small network with more WCT, and twice: closer to the style, further from the photograph.",
        fusion="wct",
        architecture=replace(_SLIM, covariances=(2, 4), passes=2),
        files=(
            WeightFile(
                role="model",
                name="wct-slim.safetensors",
                url=None,
                bytes=2_317_480,
                sha256="a3829532602fbee4cc4a74fc6f9fce4f71b124fa248b41a5f9563ee2ca899b45",
                licence="MIT",
            ),
        ),
        source="this project, see weights/README.md",
        paper="after Li et al. 2017, arXiv:1705.08086",
        default_alpha=1.0,
        code_digest="193e25180d3f9cb518a1eca2d4039b57aad3fb1d69a4064632f6b5ec5362f67f",
        default_strokes=0.5,
    ),
    Model(
        name="adain-vgg19",
        summary="The AdaIN paper's network on VGG-19: one pass, real time on a GPU.",
        fusion="adain",
        architecture=Architecture(widths=_VGG19, levels=(4,), encoder_per_level=False, keys="index"),
        files=_ADAIN_FILES,
        source="github.com/naoto0804/pytorch-AdaIN",
        paper="Huang & Belongie 2017, arXiv:1703.06868",
        default_alpha=1.0,
    ),
    Model(
        name="wct-vgg19",
        summary="The WCT paper's five networks on VGG-19: strongest texture, slowest.",
        fusion="wct",
        architecture=Architecture(widths=_VGG19, levels=_LEVELS, encoder_per_level=True, keys="index"),
        files=_WCT_FILES,
        source="github.com/pietrocarbo/deep-transfer",
        paper="Li et al. 2017, arXiv:1705.08086",
        default_alpha=0.6,
    ),
    Model(
        name="wct-collab-distill",
        summary="WCT on VGG-19 distilled to a quarter of its channels: small and light.",
        fusion="wct",
        architecture=Architecture(
            widths=(16, 32, 64, 128, 128),
            levels=_LEVELS,
            encoder_per_level=True,
            keys="layer",
            output_relu=True,
            level1_width=24,
        ),
        files=_COLLAB_FILES,
        source="github.com/MingSun-Tse/Collaborative-Distillation",
        paper="Wang et al. 2020, arXiv:2003.08436",
        default_alpha=0.6,
    ),
)

MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _TABLE})
DEFAULT = "adain-slim"  # needs no download


def get(name: str) -> Model:
    """Look up a model by name.

    Raises:
        InputError: the name is unknown; the message lists all names and the closest one.
    """
    if isinstance(name, str) and name in MODELS:
        return MODELS[name]
    close = difflib.get_close_matches(str(name), MODELS, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise InputError(f"unknown model {checks.shown(name)}; available: {', '.join(MODELS)}{hint}")


def preferred(fusion: Literal["adain", "wct"]) -> str:
    """Return the default model for a fusion: a shipped one, or else the smallest download."""
    able = (model for model in MODELS.values() if model.fusion == fusion)
    return min(able, key=lambda model: (not model.shipped, model.bytes or math.inf)).name
