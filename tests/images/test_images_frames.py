"""Animations and TIFFs of several pages: the first picture is read, and it is said how to take all."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from pictures import photo
from PIL import Image, TiffImagePlugin

from adain.images import read


def animation(format: str, frames: int = 3) -> bytes:
    stream = io.BytesIO()
    pictures = [Image.fromarray(np.full_like(photo(), 60 * number)) for number in range(frames)]
    pictures[0].save(stream, format, save_all=True, append_images=pictures[1:])
    return stream.getvalue()


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_it_is_said_how_to_take_all(format: str, caplog: pytest.LogCaptureFixture) -> None:
    picture = read(animation(format))
    assert picture.rgb.max() <= 2  # the first
    assert "the picture has 3 frames: the first is taken; for all, " in caplog.text
    assert "use `adain video`" in caplog.text


def test_of_a_tiff_the_full_pages_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    read(animation("TIFF"))
    assert "the picture has 3 pages: the first is taken" in caplog.text


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1)], ids=str)
def test_thumbnails_are_no_pages(order: tuple[int, ...], caplog: pytest.LogCaptureFixture) -> None:
    stream = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream) as pages:
        for small in order:
            image = Image.new("RGB", (8, 6)) if small else Image.fromarray(photo())
            image.save(pages, "TIFF", tiffinfo={254: small})
            pages.newFrame()
    np.testing.assert_array_equal(read(stream.getvalue()).rgb, photo())
    assert caplog.text == ""


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF", "TIFF", "MPO"])
def test_nothing_is_said_of_a_single_picture(format: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "adain"):
        read(animation(format, frames=2 if format == "MPO" else 1))
    assert caplog.text == ""
