"""Read the display matrix of a frame, whatever else its decoder attached.

PyAV raises an error for kinds of side data that are newer than its table, such as the EXIF data of Motion-JPEG. These
kinds are removed by a filter first.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import SupportsBytes, cast

import av
import numpy as np
from av.filter import Graph

from adain.video.orientation import Orientation

__all__ = ["orientation_of"]

_TICK = Fraction(1, 1000)  # s; the filter does not look at time
_KINDS = 64  # at most so many unknown kinds on one frame


def orientation_of(frame: av.VideoFrame) -> Orientation | None:
    """Return the frame's display matrix; None if it has none."""
    for _ in range(_KINDS):
        try:
            matrix = frame.side_data.get("DISPLAYMATRIX")
        except ValueError as error:  # "31 is not a valid Type"
            kind = re.match(r"\d+", str(error))
            if kind is None:
                raise
            frame = _without(frame, int(kind[0]))
        else:
            return None if matrix is None else _parsed(bytes(cast("SupportsBytes", matrix)))
    return None


def _parsed(matrix: bytes) -> Orientation | None:
    return Orientation.parse(np.frombuffer(matrix, np.int32).tolist()) if len(matrix) == 36 else None  # nine integers


def _without(frame: av.VideoFrame, kind: int) -> av.VideoFrame:
    """Return the frame without one kind of side data, in FFmpeg's number."""
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_TICK),
        graph.add("sidedata", f"mode=delete:type={kind}"),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(frame)
    return graph.vpull()
