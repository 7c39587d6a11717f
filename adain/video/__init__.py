"""Stylize films: video files, GIFs, folders of frames, cameras.

    adain.video.stylize(stylizer, "clip.mp4", "painting.jpg", "stylized.mp4", keyframes="0:alpha=0 2:alpha=1")

    decoding | animation | folder --Frame--> smoothing, keyframes, cuts --Frame--> encoding | animation | folder
    decoding --TrackPacket (sound, subtitles)--> encoding

Video files need PyAV (extra `video`), which is imported on first use.
"""

from __future__ import annotations

from adain.video.codecs import Encoding
from adain.video.flicker import flicker
from adain.video.keyframes import Keyframe
from adain.video.stylizing import Summary, stylize

__all__ = ["Encoding", "Keyframe", "Summary", "flicker", "stylize"]
