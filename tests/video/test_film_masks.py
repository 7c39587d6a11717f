"""Films with masks, CORAL and tiles: every frame is what a picture with the same request is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

from adain import ImageError, InputError, StyleRequest
from adain.stylizer import Stylizer
from adain.video import stylize
from adain.video.clip import Frame
from adain.video.frame_stylizer import FrameStylizer

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

LEFT = np.zeros((36, 48), np.bool_)
LEFT[:, :24] = True


@pytest.fixture
def stylizer() -> Stylizer:
    return Stylizer(MeanBackend.model, MeanBackend())


STYLES = [painting(seed=1), painting(seed=2)]


def save(folder: Path, pictures: Sequence[NDArray[np.generic]]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


def film(count: int = 3) -> list[U8]:
    return [np.roll(photo(), 5 * number, axis=1) for number in range(count)]


def masks_of(count: int = 3) -> list[U8]:
    return [np.roll(LEFT, 7 * number, axis=1).astype(np.uint8) * 255 for number in range(count)]


def frames(folder: Path) -> list[U8]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]


def through(stylizer: Stylizer, pictures: Sequence[U8], request: StyleRequest, styles: object = painting()) -> list[U8]:
    made = FrameStylizer(stylizer, styles, request, smoothing=0)  # type: ignore[arg-type]
    return [made(Frame(rgb, Fraction(number, 10))).rgb for number, rgb in enumerate(pictures)]


def test_a_still_mask_holds_for_every_frame(stylizer: Stylizer, tmp_path: Path) -> None:
    source, out = save(tmp_path / "in", film()), tmp_path / "out"
    stylize(stylizer, source, STYLES, out, masks=[LEFT, ~LEFT], smoothing=0, alpha=0.8)
    for made, rgb in zip(frames(out), film(), strict=True):
        assert np.array_equal(made, stylizer(rgb, STYLES, masks=[LEFT, ~LEFT], alpha=0.8))


@pytest.mark.parametrize("kind", ["folder", "gif"])
def test_a_moving_mask_has_a_frame_for_each_of_the_films(stylizer: Stylizer, tmp_path: Path, kind: str) -> None:
    source, out = save(tmp_path / "in", film()), tmp_path / "out"
    mask = save(tmp_path / "masks", masks_of())
    if kind == "gif":
        mask = tmp_path / "mask.gif"
        first, *rest = (Image.fromarray(each) for each in masks_of())
        first.save(mask, save_all=True, append_images=rest, duration=40)
    stylize(stylizer, source, painting(), out, masks=[mask], smoothing=0)
    for made, rgb, moving in zip(frames(out), film(), masks_of(), strict=True):
        assert np.array_equal(made, stylizer(rgb, painting(), masks=[moving]))


def test_a_mask_in_a_video_file(stylizer: Stylizer, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="video files need the extra video")
    from clips import write_clip

    coded = [
        av.VideoFrame.from_ndarray(np.dstack([m] * 3), format="rgb24").reformat(format="yuv444p") for m in masks_of()
    ]
    mask = write_clip(tmp_path / "mask.mp4", coded)
    made = through(stylizer, film(), StyleRequest(masks=[mask]))
    expected = [np.asarray(stylizer(rgb, painting(), masks=[m])) for rgb, m in zip(film(), masks_of(), strict=True)]
    assert np.abs(np.stack(made).astype(int) - np.stack(expected)).mean() < 3  # of 255; a mask's edges are compressed


def test_after_a_short_mask_its_last_frame_stays(
    stylizer: Stylizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mask = save(tmp_path / "masks", masks_of(2))
    with caplog.at_level(logging.WARNING, "adain"):
        made = through(stylizer, film(4), StyleRequest(masks=[mask]))
    assert caplog.messages == [f"mask 1 ({mask}) is shorter than the film; its last frame stays"]
    assert np.array_equal(made[3], stylizer(film(4)[3], painting(), masks=[masks_of(2)[1]]))


def test_a_folder_with_one_mask_is_a_still_one(
    stylizer: Stylizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = through(stylizer, film(), StyleRequest(masks=[save(tmp_path / "masks", masks_of(1))]))
    assert np.array_equal(made[2], stylizer(film()[2], painting(), masks=[LEFT]))
    assert not caplog.messages


def test_masks_that_cannot_be_are_an_error(stylizer: Stylizer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="holds no pictures"):
        through(stylizer, film(), StyleRequest(masks=[tmp_path / "empty"]))
    square = save(tmp_path / "square", [np.full((9, 9), 255, np.uint8)])
    with pytest.raises(InputError, match=r"mask 1 \(.*square\) is 9x9, of another aspect"):
        through(stylizer, film(), StyleRequest(masks=[square]))
    with pytest.raises(InputError, match="got 1 masks for 2 styles"):
        through(stylizer, film(), StyleRequest(masks=[LEFT]), STYLES)


def test_the_subject_is_what_each_frames_alpha_says(stylizer: Stylizer, tmp_path: Path) -> None:
    cut_out = [np.dstack([rgb, mask]) for rgb, mask in zip(film(), masks_of(), strict=True)]
    source, out = save(tmp_path / "in", cut_out), tmp_path / "out"
    stylize(stylizer, source, painting(), out, masks="subject", smoothing=0)
    for made, rgba in zip(frames(out), cut_out, strict=True):
        assert made.shape == (36, 48, 3)  # the hidden background is shown
        assert np.array_equal(made, stylizer(rgba, painting(), masks="subject"))
    with pytest.raises(InputError, match="the film has no alpha channel"):
        through(stylizer, film(), StyleRequest(masks="subject"))


def test_coral_takes_the_colours_of_each_scenes_first_frame(stylizer: Stylizer) -> None:
    scene, other = film(), [painting(48, 36)] * 2
    made = through(stylizer, [*scene, *other], StyleRequest(preserve_color="coral"))
    for number, first in ((0, scene[0]), (3, other[0])):
        assert np.array_equal(made[number], stylizer(first, painting(), preserve_color="coral"))
    assert isinstance(stylizer.backend, MeanBackend)
    stylizer.backend.encoded = 0
    through(stylizer, [*scene, *other], StyleRequest(preserve_color="coral"))
    assert stylizer.backend.encoded == 2


def test_coral_with_masks_takes_the_colours_of_the_regions(stylizer: Stylizer) -> None:
    request = StyleRequest(preserve_color="coral", masks=[LEFT, ~LEFT])
    (made,) = through(stylizer, film(1), request, STYLES)
    assert np.array_equal(made, stylizer(film(1)[0], STYLES, request=request))


def test_coral_needs_the_styles_picture(stylizer: Stylizer, tmp_path: Path) -> None:
    stylizer.encode_style(painting()).save(tmp_path / "code.safetensors")
    with pytest.raises(InputError, match="does not hold the picture"):
        through(stylizer, film(), StyleRequest(preserve_color="coral"), tmp_path / "code.safetensors")
    assert through(stylizer, film(1), StyleRequest(preserve_color="coral"), stylizer.encode_style(painting()))


def test_a_film_in_tiles_is_the_film(stylizer: Stylizer) -> None:
    whole, tiled = (through(stylizer, film(), StyleRequest(tile=tile)) for tile in (0, 16))
    assert np.abs(np.stack(whole).astype(int) - np.stack(tiled)).max() <= 1
    assert isinstance(stylizer.backend, MeanBackend)
    assert len(stylizer.backend.seen) == 3 + 3 * 9


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("masks", [None, [LEFT, ~LEFT]])
def test_a_film_that_stands_still_stands_still(
    stylizer: Stylizer, tile: int, masks: list[NDArray[np.bool_]] | None
) -> None:
    styles = STYLES if masks else STYLES[:1]
    made = FrameStylizer(stylizer, styles, StyleRequest(masks=masks, tile=tile), smoothing=0.5)
    expected = np.asarray(stylizer(photo(), styles, masks=masks)).astype(int)
    for number in range(3):
        assert np.abs(made(Frame(photo(), Fraction(number, 10))).rgb - expected).max() <= 1
