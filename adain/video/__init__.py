"""Stylize films: video files, GIFs, folders of frames, cameras.

    adain.video.stylize(stylizer, "clip.mp4", "painting.jpg", "stylized.mp4", keyframes="0:alpha=0 2:alpha=1")

    reading | gif | folder --Frame, Sound--> smoothing, keyframes, cuts --Frame, Sound--> writing | gif | folder

Video files need PyAV (extra `video`), which is imported on first use.
"""

from __future__ import annotations

from adain.video.flicker import flicker
from adain.video.keyframes import Keyframe
from adain.video.stylizing import Summary, stylize

__all__ = ["Keyframe", "Summary", "flicker", "stylize"]
