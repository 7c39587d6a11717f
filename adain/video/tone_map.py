"""Turn HDR films (PQ and HLG) into SDR (BT.709), with FFmpeg's filter `scale`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from adain.video.codecs import ToneMapping
from adain.video.colors import BT709, LIMITED, Colors

__all__ = ["SDR", "ToneMap"]

SDR = Colors(BT709, LIMITED, primaries=BT709, transfer=1)  # transfer 1 is that of BT.709
_TICK = Fraction(1, 1000)  # s; the filters do not look at time
_BT2020 = 9  # matrix of an HDR frame without a label
_INTENTS: Mapping[str, str] = {"soft": "perceptual", "clip": "relative_colorimetric"}  # of FFmpeg's scale


class ToneMap:
    """Converts the frames of one HDR clip to RGB with BT.709's primaries and transfer.

    Args:
        mapping: how to fit the brightness.
        deep: whether to give 16 bits per value.
    """

    def __init__(self, mapping: ToneMapping, *, deep: bool = False) -> None:
        self._intent = _INTENTS[mapping]
        self._format = "rgb48le" if deep else "rgb24"
        self._graph: Graph | None = None

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Convert a decoded frame to uint8 or uint16 (H, W, 3)."""
        if self._graph is None:
            self._graph = self._made(frame)
        if frame.colorspace in (0, 2):  # RGB, which no HDR film has, or unspecified
            frame.colorspace = _BT2020
        self._graph.vpush(frame)
        return self._graph.vpull().to_ndarray()  # type: ignore[return-value]  # of one of these dtypes

    def _made(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        graph.link_nodes(
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_TICK),
            graph.add("scale", f"out_primaries=bt709:out_transfer=bt709:intent={self._intent}"),
            graph.add("format", f"pix_fmts={self._format}"),
            graph.add("buffersink"),
        ).configure()
        return graph
