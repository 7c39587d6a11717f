"""Stylizes a picture with onnxruntime and a graph that `adain export MODEL -o DIR` wrote. Copy it: it needs no adain.

python stylize.py MODEL.onnx CONTENT STYLE OUT [ALPHA [STROKES]]
"""

import io
import json
import sys

import numpy as np
from PIL import Image, ImageCms, ImageOps

CONTRACT = 5  # version of the graphs' contract that this program is written for
GRAIN = (95, 33)  # where the grain's tile begins, as `adain` has it with seed 0; any row and column up to 255 will do


def check(info, alpha, strokes):
    """End the program if it cannot run the graph with this metadata, or a number is not allowed."""
    found = {name: info.get(f"adain.{name}") for name in ("contract", "graph", "io")}
    versions = f"the graph follows version {found['contract']} of the contract, this program version {CONTRACT}"
    if found["contract"] is None:
        sys.exit("error: not a graph of adain; take MODEL.onnx as `adain export` writes it")
    if int(found["contract"]) != CONTRACT:
        newer = "take the program from a newer version of adain"
        older = "export it again with this version of adain"
        sys.exit(f"error: {versions}; {newer if int(found['contract']) > CONTRACT else older}")
    if found["graph"] != "whole":
        sys.exit(f"error: this is the graph {found['graph']}; take MODEL.onnx, which has the whole network")
    if found["io"] != "float":
        sys.exit(f"error: the graph takes {found['io']} pictures; export it again with --io float")
    if not (0 <= alpha <= 1 and 0 <= strokes <= 1):
        sys.exit(f"error: alpha and strokes must be in [0, 1], got {alpha:g} and {strokes:g}")


def read(path, info=None):
    """A file as uint8 (height, width, 3), upright and in sRGB, and its alpha channel (height, width) or None.

    With the metadata of a graph of one size, shrunk to go into it.
    """
    image = ImageOps.exif_transpose(Image.open(path))
    alpha = np.asarray(image.convert("RGBA").getchannel("A")) if image.has_transparency_data else None
    straight = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    if profile := image.info.get("icc_profile"):
        colors = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        how = ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB", False, ImageCms.Flags.BLACKPOINTCOMPENSATION
        straight = ImageCms.profileToProfile(straight, *colors, *how)
    rgb = np.array(straight.convert("RGB"))
    if alpha is not None and 0 < (hidden := alpha == 0).mean() < 1:  # nobody sees these colours, but the network does
        rgb[hidden] = np.round(rgb[~hidden].mean(axis=0))
    factor = fitting(rgb, info or {})
    return scaled(rgb, factor), None if alpha is None else scaled(alpha, factor)


def scaled(picture, factor):
    """A picture or an alpha channel, shrunk by this factor; not changed where it is 1 or more."""
    if factor >= 1:
        return picture
    height, width = (max(1, int(length * factor + 0.5)) for length in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def fitting(picture, info):
    """The factor by which a picture must shrink, at least, to go into a graph of one size; 1 for all other graphs."""
    fixed = json.loads(info.get("adain.fixed", "null"))
    return min(1, fixed["height"] / picture.shape[0], fixed["width"] / picture.shape[1]) if fixed else 1


def tensor(rgb, info):
    """A picture as float32 (1, 3, H, W) in [0, 1]; the last row and column repeated to sides the graph takes."""
    multiple, least = int(info["adain.size_multiple"]), int(info["adain.size_minimum"])
    sides = [max(-(-side // multiple) * multiple, least) for side in rgb.shape[:2]]
    if fixed := json.loads(info.get("adain.fixed", "null")):
        sides = fixed["height"], fixed["width"]
    below, right = sides[0] - rgb.shape[0], sides[1] - rgb.shape[1]
    padded = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def inputs(info, rgb, style, alpha, strokes):
    """The graph's inputs, by name; of uint8 (height, width, 3) pictures. A larger style would paint larger strokes."""
    style = scaled(style, min(512 / min(style.shape[:2]), fitting(style, info)))
    numbers = {"alpha": [alpha], "strokes": [strokes], **({} if "adain.fixed" in info else {"grain": GRAIN})}
    pictures = {"content": tensor(rgb, info), "style": tensor(style, info)}
    return {**pictures, **{name: np.array([values], np.float32) for name, values in numbers.items()}}


def write(stylized, rgb, alpha, path):
    """Write what the graph made of `rgb`, (1, 3, H, W), at its size and with its alpha channel."""
    cropped = stylized[0, :, : rgb.shape[0], : rgb.shape[1]].transpose(1, 2, 0)
    image = Image.fromarray((cropped * 255 + 0.5).astype(np.uint8))  # values are in [0, 1] already
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    image.save(path)


def main(model, content, style, out, alpha="1", strokes="0.5"):
    """Stylize the content."""
    import onnxruntime  # the other programs here take the functions above, and another runtime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    info = session.get_modelmeta().custom_metadata_map
    check(info, float(alpha), float(strokes))
    rgb, opacity = read(content, info)
    (stylized,) = session.run(None, inputs(info, rgb, read(style)[0], float(alpha), float(strokes)))
    write(stylized, rgb, opacity, out)


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6, 7):
        sys.exit("usage: python stylize.py MODEL.onnx CONTENT STYLE OUT [ALPHA [STROKES]]")
    main(*sys.argv[1:])
