"""Every row of the registry, by itself: what a download or a loader relies on."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adain import InputError, models, registry
from adain.registry import MODELS, Architecture, Model, WeightFile

LICENCES = {"MIT", "Apache-2.0"}
FOREIGN = {  # where the files of a row lie as their authors published them, and which of them
    "wct-collab-distill": ("collaborative-distillation", 10),
    "wct-vgg19": ("deep-transfer", 6),
}

each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
each_file = pytest.mark.parametrize(
    "file",
    [pytest.param(file, id=f"{model.name}-{file.role}") for model in MODELS.values() for file in model.files],
)


@each_file
def test_content_is_pinned_by_a_hash_of_the_right_form(file: WeightFile) -> None:
    assert file.sha256 or file.git_blob
    assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.git_blob is None or re.fullmatch(r"[0-9a-f]{40}", file.git_blob)
    assert file.bytes is None or 0 < file.bytes < 2**31
    assert file.bytes is not None or file.git_blob is not None, "without a size, only a git blob id covers it"


@each_file
def test_url_is_https_and_cannot_change_under_the_hash(file: WeightFile) -> None:
    if file.url is None:
        return
    url = urlsplit(file.url)
    assert url.scheme == "https"
    assert not url.query
    assert not url.fragment
    fixed_release = "/releases/download/v" in url.path
    fixed_commit = re.search(r"/[0-9a-f]{40}/", url.path)
    assert fixed_release or fixed_commit, "a branch's files can change"


@each_file
def test_name_is_one_that_every_file_system_takes(file: WeightFile) -> None:
    assert re.fullmatch(r"[\w][\w.-]*\.(pth|safetensors)", file.name)
    assert file.licence in LICENCES


@each_file
def test_only_safetensors_ship(file: WeightFile) -> None:
    assert file.url is not None or (file.name.endswith(".safetensors") and file.sha256)


@each_model
def test_row_is_complete(model: Model) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", model.name)
    assert MODELS[model.name] is model
    assert model.summary.endswith(".")
    assert model.fusion in ("adain", "wct")
    assert 0 <= model.default_alpha <= 1
    assert re.search(r"\d{4}.*arXiv:\d{4}\.\d{5}", model.paper)
    assert model.licence
    assert model.source


@each_model
def test_roles_are_what_the_architecture_needs(model: Model) -> None:
    roles = [file.role for file in model.files]
    if model.architecture.keys == "own":
        assert roles == ["model"]
    if not isinstance(model.architecture, Architecture):
        return
    levels = model.architecture.levels
    each_its_own = model.architecture.encoder_per_level
    if model.architecture.keys != "own":
        encoders = [f"encoder{level}" for level in levels] if each_its_own else ["encoder"]
        decoders = [f"decoder{level}" for level in levels] if len(levels) > 1 else ["decoder"]
        assert sorted(roles) == sorted(encoders + decoders)
    assert len({file.name for file in model.files}) == len(roles)
    assert max(levels) <= len(model.architecture.widths) <= 5


def test_size_is_known_only_if_every_files_is() -> None:
    assert MODELS["adain-vgg19"].bytes == 80_102_481 + 14_023_458
    assert MODELS["wct-vgg19"].bytes is None


def test_get_returns_the_row_of_that_name() -> None:
    assert registry.get(registry.DEFAULT).name == registry.DEFAULT
    assert models() == tuple(MODELS)


def test_unknown_name_lists_the_known_and_names_the_closest() -> None:
    with pytest.raises(InputError, match=r"unknown model 'adian-vgg19'; .*; did you mean adain-vgg19\?$"):
        registry.get("adian-vgg19")
    with pytest.raises(InputError, match=r"available: adain-slim, wct-slim, adain-vgg19, .*[^?]$"):
        registry.get("picasso")


def test_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MODELS["mine"] = MODELS["adain-vgg19"]  # type: ignore[index]


@pytest.mark.parametrize(("name", "folder", "count"), [(name, *row) for name, row in FOREIGN.items()])
def test_pins_agree_with_the_files_their_authors_published(shared: Path, name: str, folder: str, count: int) -> None:
    directory = shared / "weights" / "original" / folder
    found = [file for file in MODELS[name].files if (directory / file.name).is_file()]
    assert len(found) == count
    for file in found:
        content = (directory / file.name).read_bytes()
        assert len(content) == file.bytes
        assert hashlib.sha256(content).hexdigest() == file.sha256
