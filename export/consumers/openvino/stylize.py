"""Stylizes a picture with OpenVINO and a graph that `adain export MODEL -o DIR` wrote.

python stylize.py MODEL.onnx CONTENT STYLE -o OUT [--alpha A] [--strokes S] [--device CPU] [--fast]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.properties import hint
from PIL import Image, ImageOps

CONTRACT = 5  # version of the graphs' contract that this program is written for
GRAIN = (95, 33)  # where the grain's tile begins, as `adain` has it with seed 0; any row and column up to 255 will do


def main() -> None:
    """Read the arguments, the model and the pictures; write the stylized one."""
    arguments = _arguments()
    core = openvino.Core()
    graph = core.read_model(arguments.model)
    if problem := wrong(graph):
        sys.exit(f"error: {arguments.model.name}: {problem}")
    mode = hint.ExecutionMode.PERFORMANCE if arguments.fast else hint.ExecutionMode.ACCURACY
    model = core.compile_model(graph, arguments.device, {hint.execution_mode: mode})
    results = model(
        {
            "content": read(arguments.content),
            "style": read(arguments.style),
            "alpha": np.full((1, 1), arguments.alpha, np.float32),
            "strokes": np.full((1, 1), arguments.strokes, np.float32),
            "grain": np.array([GRAIN], np.float32),
        }
    )
    write(results["stylized"], arguments.output)


def wrong(graph: openvino.Model) -> str | None:
    """What keeps this program from running a graph, from its metadata; None: nothing."""
    info = graph.get_rt_info()["framework"] if graph.has_rt_info("framework") else {}  # the metadata of an ONNX file
    keys = ("contract", "graph", "io", "portable")
    found = {key: str(info[f"adain.{key}"].value) for key in keys if f"adain.{key}" in info}
    if "contract" not in found:
        return "not a graph of adain; take MODEL.onnx as `adain export` writes it"
    versions = f"the graph follows version {found['contract']} of the contract, this program version {CONTRACT}"
    if int(found["contract"]) > CONTRACT:
        return f"{versions}; take the program from a newer version of adain"
    if int(found["contract"]) < CONTRACT:
        return f"{versions}; export it again with this version of adain"
    if found["graph"] != "whole":
        return f"this is the graph {found['graph']}; take MODEL.onnx, which has the whole network"
    if found["io"] != "float":
        return f"the graph takes {found['io']} pictures; export it again with --io float"
    if found["portable"] == "true":
        return "the graph takes certain sizes only; export it again without --portable"
    return None


def read(path: Path) -> NDArray[np.float32]:
    """A file as float32 (1, 3, height, width), RGB in [0, 1], upright."""
    with Image.open(path) as image:
        rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def write(picture: NDArray[np.float32], path: Path) -> None:
    """The reverse of `read`."""
    rgb = (picture[0].transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)  # values are in [0, 1] already
    Image.fromarray(rgb).save(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Stylize a picture with OpenVINO.")
    parser.add_argument("model", type=Path, help="MODEL.onnx, as adain export writes it")
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--alpha", type=float, default=1.0, help="strength of the style, from 0 to 1")
    parser.add_argument("--strokes", type=float, default=0.5, help="how much of a coarse draft to use, from 0 to 1")
    parser.add_argument("--device", default="CPU", help="as OpenVINO names it: CPU, GPU, NPU, AUTO")
    parser.add_argument("--fast", action="store_true", help="bfloat16 or float16 where the device has it")
    arguments = parser.parse_args()
    for name in ("alpha", "strokes"):
        if not 0 <= getattr(arguments, name) <= 1:
            parser.error(f"--{name} must be in [0, 1], got {getattr(arguments, name):g}")
    return arguments


if __name__ == "__main__":
    main()
