"""Stylizes a picture with OpenVINO and a graph that `adain export MODEL -o DIR` wrote.

python stylize.py MODEL.onnx CONTENT STYLE -o OUT [--alpha A] [--device CPU] [--fast]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.properties import hint
from PIL import Image, ImageOps


def main() -> None:
    """Read the arguments, the model and the pictures; write the stylized one."""
    arguments = _arguments()
    mode = hint.ExecutionMode.PERFORMANCE if arguments.fast else hint.ExecutionMode.ACCURACY
    model = openvino.Core().compile_model(arguments.model, arguments.device, {hint.execution_mode: mode})
    results = model(
        {
            "content": read(arguments.content),
            "style": read(arguments.style),
            "alpha": np.full((1, 1), arguments.alpha, np.float32),
        }
    )
    write(results["stylized"], arguments.output)


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
    parser.add_argument("--device", default="CPU", help="as OpenVINO names it: CPU, GPU, NPU, AUTO")
    parser.add_argument("--fast", action="store_true", help="bfloat16 or float16 where the device has it")
    arguments = parser.parse_args()
    if not 0 <= arguments.alpha <= 1:
        parser.error(f"--alpha must be in [0, 1], got {arguments.alpha:g}")
    return arguments


if __name__ == "__main__":
    main()
