"""Makes the page's graphs and its gallery of encoded styles from the shipped weights: `python web/prepare.py`.

The graphs are portable, so that WebGPU runs them, and all read the one file of weights, which the build copies. The
gallery holds pictures painted by code (`tests/data/paintings.py`), each as a small picture and a style code. Run this
again whenever the weights change; a test compares digests. It needs the extra `torch`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import adain
from adain import registry
from adain.engine.strokes import STEPS, tile
from adain.runtimes.contract import GraphKind

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = ROOT / "web" / "public"
MODEL = registry.get("adain-slim")
KINDS: tuple[GraphKind, ...] = (
    "encode_style",
    "level",
    "level_regions",
    "encode_content",
    "decode",
    "decode_regions",
)
STYLES = ("woodcut", "pointillism", "watercolour", "mosaic", "marbling")
SHOWN = 160  # pixels, side of a picture in the gallery


def graphs(folder: Path) -> None:
    """Write the portable graphs; each reads its weights from adain-slim.safetensors beside it."""
    from adain.export.graphs import Options, export
    from adain.nn import build

    files = {file.role: ROOT / "weights" / file.name for file in MODEL.files}
    options = Options(portable=True, kinds=KINDS, sharing=KINDS, compact=KINDS)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:  # the weights themselves are not kept a second time
        for written in export(MODEL, build.load(MODEL, files), files, Path(temporary), options):
            (folder / written.path.name).write_bytes(written.path.read_bytes())
    (folder / "grain.bin").write_bytes(np.rint(tile() * STEPS).astype(np.int8).tobytes())


def gallery(folder: Path) -> None:
    """Write a picture and a style code for each painting, and the list of them."""
    sys.path.insert(0, str(ROOT / "tests" / "data"))
    import paintings

    stylizer = adain.load(MODEL.name)
    folder.mkdir(parents=True, exist_ok=True)
    for name in STYLES:
        painting = getattr(paintings, name)()
        stylizer.encode_style(painting).save(folder / f"{name}.safetensors")
        painting.resize((SHOWN, SHOWN)).save(folder / f"{name}.jpg", quality=85)
    (folder / "gallery.json").write_text(json.dumps(STYLES), encoding="utf-8")


if __name__ == "__main__":
    graphs(PUBLIC / "graphs")
    gallery(PUBLIC / "gallery")
