"""The nodes for ComfyUI, run by the workflow beside them as ComfyUI would; its own nodes are played here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pictures import painting, photo

import adain
from adain.errors import InputError

torch = pytest.importorskip("torch", reason="ComfyUI's images are tensors of torch")

FOLDER = Path(__file__).resolve().parents[2] / "export" / "consumers" / "comfyui"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="export/consumers is not in this copy of the project")

MASK = np.zeros((36, 48), np.uint8)
MASK[:, 24:] = 255
IMAGES = {"photo.png": photo(48, 36), "painting.png": painting(40, 40), "other.png": painting(40, 40, seed=1)}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The folder as ComfyUI imports it."""
    spec = importlib.util.spec_from_file_location("adain_nodes", FOLDER / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "adain_nodes", module)
    spec.loader.exec_module(module)
    return module


def _batch(picture: np.ndarray[Any, Any]) -> Any:
    return torch.from_numpy(picture.astype(np.float32) / 255)[None]


def _run(nodes: ModuleType, workflow: dict[str, Any], number: str) -> Any:
    """The first output of a node, from the outputs of those before it."""
    kind, given = workflow[number]["class_type"], workflow[number]["inputs"]
    inputs = {
        name: _run(nodes, workflow, value[0]) if isinstance(value, list) else value for name, value in given.items()
    }
    if kind == "LoadImage":
        return _batch(IMAGES[inputs["image"]])
    if kind == "LoadImageMask":
        return _batch(MASK)
    if kind == "RepeatImageBatch":
        return inputs["image"].repeat(inputs["amount"], 1, 1, 1)
    node = nodes.NODE_CLASS_MAPPINGS[kind]
    declared = node.INPUT_TYPES()
    assert (
        declared["required"].keys() <= inputs.keys() <= {**declared["required"], **declared.get("optional", {})}.keys()
    )
    return getattr(node(), node.FUNCTION)(**inputs)[0]


def test_the_workflow_gives_adains_pictures(nodes: ModuleType) -> None:
    workflow = json.loads((FOLDER / "workflow_api.json").read_text(encoding="utf-8"))
    images = _run(nodes, workflow, "10")
    stylizer = adain.load("adain-slim")
    codes = [stylizer.encode_style(IMAGES[name]) for name in ("painting.png", "other.png")]
    expected = np.asarray(stylizer(IMAGES["photo.png"], adain.mix(codes, [0.7, 0.3]), masks=[MASK]))
    assert images.shape == (2, *expected.shape)
    assert images.dtype == torch.float32
    for image in images:
        assert np.array_equal((image.numpy() * 255 + 0.5).astype(np.uint8), expected)


def test_every_node_has_a_name_and_what_comfyui_asks_for(nodes: ModuleType) -> None:
    assert nodes.NODE_CLASS_MAPPINGS.keys() == nodes.NODE_DISPLAY_NAME_MAPPINGS.keys()
    for node in nodes.NODE_CLASS_MAPPINGS.values():
        assert callable(getattr(node, node.FUNCTION))
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES)


def test_the_masks_are_one_or_one_for_each_image(nodes: ModuleType) -> None:
    stylize = nodes.NODE_CLASS_MAPPINGS["AdainStylize"]().stylize
    with pytest.raises(InputError, match="there are 2 masks for 3 images; give one, or one for each"):
        stylize(None, torch.zeros(3, 8, 8, 3), None, 1.0, 0.5, 0, False, torch.zeros(2, 8, 8))
