"""Imports onnxruntime without its telemetry.

`import onnxruntime` writes an identifier and a database of events into the user's home, and sends events to its maker.
It reads a variable once, when it is imported. So all modules of this package import it from here.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # the user may have chosen otherwise

import onnxruntime

__all__ = ["onnxruntime", "quantization"]

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    onnxruntime.disable_telemetry_events()  # for the case that other code has imported it before


def quantization() -> Any:
    """Return onnxruntime's tools for int8 graphs. Their import takes as long as onnxruntime itself."""
    import onnxruntime.quantization as tools

    return tools
