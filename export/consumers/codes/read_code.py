"""Reads a style code that `StyleCode.to_json` wrote, into the input `codes` of a graph. It needs only NumPy."""

import base64
import json

import numpy as np


def read_code(text, info):
    """The code as float32 (1, 1, D), from its JSON text and the metadata of the graph that will use it."""
    code = json.loads(text)
    if code.get("format") != "adain.style-code.1" or code.get("digest") != info["adain.code_digest"]:
        raise ValueError("not a style code of this graph's network; encode the style with it")
    dtype = {"float32": "<f4", "float16": "<f2"}[code["dtype"]]
    layout = json.loads(info["adain.code_layout"])
    arrays = [np.frombuffer(base64.b64decode(code["arrays"][name]["data"]), dtype) for name, _ in layout]
    if [array.size for array in arrays] != [np.prod(shape) for _, shape in layout]:
        raise ValueError("the style code has other shapes than the graph; encode the style with it")
    return np.concatenate(arrays).astype(np.float32)[None, None]
