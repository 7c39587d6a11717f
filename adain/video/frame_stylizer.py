"""Stylize the frames of one film, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adain import checks
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode, mix, shares
from adain.defaults import SMOOTHING
from adain.engine.smoothing import Smoothing
from adain.errors import InputError
from adain.images import Picture
from adain.request import StyleRequest
from adain.stylizer import StyleInput, Stylizer, several
from adain.video.clip import Frame
from adain.video.cuts import CutDetector
from adain.video.film_masks import FilmMasks
from adain.video.keyframes import Keyframe, Timeline, parse

__all__ = ["FrameStylizer"]

_MEMORY = 5  # time constants after which the smoothing has forgotten a frame: its weight is 0.007


class FrameStylizer:
    """Stylizes the frames of one clip, in their order. The arguments are as for `adain.video.stylize`.

    Attributes:
        cuts: times in seconds of the detected cuts so far.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: StyleInput | Sequence[StyleInput],
        request: StyleRequest,
        *,
        keyframes: str | Sequence[Keyframe] = (),
        smoothing: float = SMOOTHING,
        cancel: CancelInput | None = None,
    ) -> None:
        styles = several(style)
        request.refuse("a film", "size")
        stylizer.check(request, len(styles))
        self._cancel = checker(cancel)
        self._stylizer, self._request = stylizer, request
        self._timeline = Timeline(
            parse(keyframes, len(styles)) if isinstance(keyframes, str) else checks.listed("keyframes", keyframes),
            stylizer.alpha(request),
            shares(len(styles), request.weights),
        )
        if request.masks is not None and self._timeline.mixes:
            raise InputError("keyframes mix styles over the whole picture, masks place them; give one of the two")
        self._smoothing = Smoothing(smoothing)
        self._styles = [stylizer.open_style(each, request) for each in styles]
        coral = request.preserve_color == "coral"
        self._codes = None if coral else stylizer.codes(self._styles, request, cancel=self._cancel)
        self._mixed: tuple[tuple[float, ...], StyleCode] | None = None
        self._look: tuple[float, tuple[float, ...]] | None = None  # alpha and weights of the frame before
        self._cut = CutDetector()
        self._masks = None if request.masks is None else FilmMasks(request.masks, len(styles))
        self.cuts: list[float] = []

    def __call__(self, frame: Frame) -> Frame:
        """Stylize the next frame."""
        now, masks, codes = self._enter(frame)
        self._smoothing.advance(now)
        look = self._timeline.alpha(now), self._timeline.weights(now)
        if look != self._look:  # earlier drafts look otherwise
            self._smoothing.forget_drafts()
            self._look = look
        rgb = self._stylizer.stylize_pixels(
            frame.rgb,
            [self._mix(codes, now)] if masks is None else codes,
            replace(self._request, alpha=look[0], weights=None),
            masks=masks,
            follow=self._smoothing if self._smoothing.active else None,
            cancel=self._cancel,
        )
        subject = self._masks is not None and self._masks.subject
        return replace(frame, rgb=rgb, alpha=None if subject else frame.alpha)

    def follow(self, frame: Frame, until: float) -> None:
        """Pass over the next frame, which an earlier run has written.

        Args:
            frame: the frame.
            until: time in seconds of the last such frame. Near it, frames are stylized nevertheless, because the
                smoothing needs their statistics.
        """
        if self._smoothing.active and float(frame.time) > until - _MEMORY * self._smoothing.seconds:
            self(frame)
        else:
            self._enter(frame)

    def _enter(self, frame: Frame) -> tuple[float, NDArray[np.float32] | None, list[StyleCode]]:
        """Return the next frame's time, masks and style codes."""
        self._cancel()
        now = float(frame.time)
        if self._cut(frame.rgb8):
            self.cuts.append(now)
            self._begin_scene()
        masks = None if self._masks is None else self._masks(frame)
        if self._codes is None:  # recoloured to the first frame of each scene
            self._codes = self._stylizer.codes(self._styles, self._request, Picture(frame.rgb8), masks, self._cancel)
        return now, masks, self._codes

    def close(self) -> None:
        """Close films of masks."""
        if self._masks is not None:
            self._masks.close()

    def _begin_scene(self) -> None:
        self._smoothing.restart()
        if self._request.preserve_color == "coral":
            self._codes = self._mixed = None

    def _mix(self, codes: Sequence[StyleCode], now: float) -> StyleCode:
        """Mix the styles for a time. The mix is cached until the weights change."""
        weights = self._timeline.weights(now)
        if self._mixed is None or self._mixed[0] != weights:
            self._mixed = weights, mix(codes, weights)
        return self._mixed[1]
