"""The parts of a stylised film: keyframes, cuts, smoothing, overlap, and the measure of flicker."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend, mean_stylizer
from numpy.typing import NDArray
from pictures import painting, photo

from adain import InputError
from adain.code import StyleCode
from adain.engine import loop
from adain.engine.smoothing import Smoothing
from adain.request import StyleRequest
from adain.stylizer import Stylizer
from adain.video import Keyframe, flicker
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.cuts import CutDetector
from adain.video.frame_stylizer import FrameStylizer
from adain.video.keyframes import Timeline, parse
from adain.video.overlap import LENGTH, Background, prefetch
from adain.video.stylizing import run


def timeline(text: str, styles: int = 3) -> Timeline:
    return Timeline(parse(text, styles), 0.6, [1.0] * styles)


def pan(count: int, step: int = 2, width: int = 64, height: int = 48) -> list[NDArray[np.uint8]]:
    """A slow pan over a photograph."""
    wide = photo(width + count * step, height)
    return [np.ascontiguousarray(wide[:, number * step : number * step + width]) for number in range(count)]


@pytest.mark.parametrize("module", ["adain.video", "adain.cli.video", "adain.cli.webcam"])
def test_importing_brings_in_neither_pyav_nor_a_network(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert module in loaded
    assert not {"av", "torch", "onnx", "onnxruntime"} & set(loaded)


class TestKeyframes:
    @pytest.mark.parametrize(("time", "alpha"), [(0, 0), (1, 0), (2, 0.25), (5, 1), (6, 0.9), (7, 0.8), (99, 0.8)])
    def test_alpha_goes_evenly_between_keyframes_and_stays_outside(self, time: float, alpha: float) -> None:
        assert timeline("1:alpha=0 5:alpha=1 7:alpha=0.8").alpha(time) == pytest.approx(alpha)

    @pytest.mark.parametrize(
        ("time", "weights"), [(0, (1, 0, 0)), (2.5, (0.5, 0.5, 0)), (5, (0, 1, 0)), (10, (0, 0.3, 0.7))]
    )
    def test_styles_mix(self, time: float, weights: Sequence[float]) -> None:
        found = timeline("0:style=1 5:style=2 10:style=2*0.3+3*0.7").weights(time)
        assert found == pytest.approx(weights)
        assert sum(found) == pytest.approx(1)

    def test_two_keyframes_at_one_time_are_a_jump(self) -> None:
        jump = timeline("0:style=1 4:style=1 4:style=3 8:style=3")
        assert jump.weights(3.999) == pytest.approx((1, 0, 0))
        assert jump.weights(4) == (0, 0, 1)

    def test_what_a_keyframe_does_not_name_goes_past_it(self) -> None:
        both = timeline("0:alpha=0,style=1 5:style=2 10:alpha=1")
        assert both.alpha(5) == pytest.approx(0.5)
        assert both.weights(10) == (0, 1, 0)

    def test_without_keyframes_all_stays_as_given(self) -> None:
        still = Timeline([], 0.6, [1, 3])
        assert (still.alpha(7), still.weights(7)) == (0.6, (0.25, 0.75))

    def test_python_takes_keyframes_as_objects(self) -> None:
        assert parse("2:alpha=0.5,style=1+2", 2) == [Keyframe(2, 0.5, (1, 1))]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("5:alpha=1 2:alpha=0", "in the order of time, got 2 s after 5 s"),
            ("0:alpha=1.7", r"at 0 s, alpha must be in \[0, 1\], got 1.7"),
            ("0:alpha=nan", r"alpha must be in \[0, 1\]"),
            ("0:alpha=-0.1", r"alpha must be in \[0, 1\]"),
            ("-1:alpha=1", "a finite number of seconds, at least 0, got -1"),
            ("nan:alpha=1", "at least 0, got nan"),
            ("0:alpha", "'' in '0:alpha' is no number"),
            ("0:alpha=much", "'much' in '0:alpha=much' is no number"),
            ("soon:alpha=1", "'soon' in 'soon:alpha=1' is no number"),
            ("alpha=1", "a keyframe is SECONDS:NAME=VALUE, got 'alpha=1'"),
            ("0:", "a keyframe is SECONDS:NAME=VALUE"),
            ("0:beta=1", "sets alpha, style or both"),
            ("0:alpha=1,alpha=0", "each once"),
            ("0:style=4", "styles are numbered 1 to 3, got '4'"),
            ("0:style=0", "styles are numbered 1 to 3, got '0'"),
            ("0:style=one", "styles are numbered 1 to 3, got 'one'"),
            ("0:style=1*0", "at least one weight must be above 0"),
            ("0:style=1*-1+2", "at least 0"),
            ("1:alpha=0 1:alpha=1 1:alpha=0", "three keyframes name alpha at 1 s"),
            (" ", "there are no keyframes"),
        ],
    )
    def test_a_wrong_keyframe_is_one_clear_error(self, text: str, said: str) -> None:
        with pytest.raises(InputError, match=said):
            timeline(text)


class TestCuts:
    @staticmethod
    def cuts(frames: Sequence[NDArray[np.uint8]]) -> list[int]:
        detector = CutDetector()
        return [number for number, frame in enumerate(frames) if detector(frame)]

    def test_a_change_of_scene_is_a_cut(self) -> None:
        assert self.cuts([photo()] * 3 + [painting(48, 36)] * 3 + [photo()] * 2) == [3, 6]

    def test_a_pan_is_none(self) -> None:
        assert self.cuts(pan(20)) == []

    @pytest.mark.parametrize("gain", [0.4, 0.7, 1.4])
    def test_a_change_of_exposure_is_none(self, gain: float) -> None:
        brighter = (photo() * gain).clip(0, 255).astype(np.uint8)
        assert self.cuts([photo(), brighter, photo()]) == []

    def test_noise_and_flat_frames_are_none(self) -> None:
        rng = np.random.default_rng(0)
        noisy = [(photo() + rng.normal(0, 12, (36, 48, 3))).clip(0, 255).astype(np.uint8) for _ in range(4)]
        assert self.cuts(noisy) == []
        assert self.cuts([np.full((4, 4, 3), level, np.uint8) for level in (100, 101, 102)]) == []

    def test_black_before_a_scene_is_one(self) -> None:
        assert self.cuts([np.zeros((36, 48, 3), np.uint8)] * 2 + [photo()] * 2) == [2]


class TestSmoothing:
    @staticmethod
    def step(seconds: float, rate: int, frames: int) -> list[float]:
        """The statistics that are applied after the content turns from black to white."""
        backend = MeanBackend()
        smoothing = Smoothing(seconds)
        styles = loop.Styles(({"mean": np.zeros(3, np.float32)},))
        for number in range(frames):
            picture = np.full((4, 4, 3), 255 * (number > 0), np.uint8)
            smoothing.advance(number / rate)
            loop.stylize(backend, picture, styles, 1.0, follow=smoothing)
        return backend.means

    def test_statistics_follow_exponentially_and_by_time_not_by_count(self) -> None:
        for rate in (10, 40):
            means = self.step(0.5, rate, 2 * rate + 1)
            assert means[0] == 0
            assert means[rate // 2] == pytest.approx(1 - np.exp(-1), abs=1e-6)
            assert means[2 * rate] == pytest.approx(1 - np.exp(-4), abs=1e-6)

    def test_no_smoothing_is_each_frames_own(self) -> None:
        assert self.step(0, 10, 4) == [0, 1, 1, 1]

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
    def test_a_wrong_time_is_an_error(self, seconds: float) -> None:
        with pytest.raises(InputError, match="smoothing must be a finite number of seconds, at least 0"):
            Smoothing(seconds)

    def test_a_draft_is_averaged_where_its_content_stands_still(self) -> None:
        smoothing, content = Smoothing(0.5), np.full((3, 48, 60), 0.4, np.float32)
        moved = content.copy()
        moved[:, :, 30:] += 0.2
        black, white = np.zeros_like(content), np.ones_like(content)
        assert np.array_equal(smoothing.draft(1, content, black), black)
        smoothing.advance(0.1)
        average = smoothing.draft(1, moved, white)
        assert average[:, :, :18] == pytest.approx(1 - np.exp(-0.2), abs=1e-5)
        assert average[:, :, 36:] == pytest.approx(1)
        smoothing.advance(0.2)
        assert smoothing.draft(1, moved, white)[:, :, :18] == pytest.approx(1 - np.exp(-0.4), abs=1e-5)
        assert np.array_equal(smoothing.draft(2, moved, white), white), "each level by itself"

    @pytest.mark.parametrize("change", [Smoothing.restart, Smoothing.forget_drafts])
    def test_a_cut_and_another_style_forget_drafts(self, change: Callable[[Smoothing], None]) -> None:
        smoothing, content = Smoothing(0.5), np.full((3, 12, 12), 0.4, np.float32)
        smoothing.draft(1, content, np.zeros_like(content))
        change(smoothing)
        assert smoothing.draft(1, content, np.ones_like(content)).min() == 1

    def test_where_masks_move_a_draft_is_its_frames_own(self) -> None:
        smoothing, content = Smoothing(0.5), np.full((3, 12, 12), 0.4, np.float32)
        masks = [np.full((1, 12, 12), weight, np.float32) for weight in (0, 1)]
        for number, mask in enumerate(masks):
            smoothing.advance(number / 25)
            seen = np.concatenate([content, mask])
            assert smoothing.draft(1, seen, np.full_like(content, number)) == pytest.approx(number)

    def test_it_begins_anew_at_a_cut(self) -> None:
        stylizer = mean_stylizer()
        frames = FrameStylizer(stylizer, painting(), StyleRequest(), smoothing=10)
        for number, rgb in enumerate([photo()] * 3 + [painting(48, 36)] * 2):
            frames(Frame(rgb, Fraction(number, 10)))
        assert frames.cuts == [0.3]
        assert isinstance(stylizer.backend, MeanBackend)
        expected = [photo()[..., 0].mean() / 255, painting(48, 36)[..., 0].mean() / 255]
        assert [stylizer.backend.means[2], stylizer.backend.means[3]] == pytest.approx(expected, rel=1e-5)

    def test_a_film_that_stands_still_is_what_a_picture_is(self, random_weights: object) -> None:
        pytest.importorskip("torch", reason="the networks need the extra torch")
        import adain

        stylizer = adain.load(device="cpu", backend="torch")
        content, style = photo(48, 32), painting()  # sides that need no padding
        still = FrameStylizer(stylizer, style, StyleRequest(), smoothing=0.5)
        results = [still(Frame(content, Fraction(number, 25))).rgb for number in range(3)]
        expected = np.asarray(stylizer(content, style)).astype(int)
        for result in results:
            assert np.abs(result - expected).max() <= 1

    def test_it_takes_flicker_from_noise_of_the_whole_picture(self) -> None:
        """Something that comes and goes moves the mean, and with it all that stands still."""
        frames = [photo() for _ in range(12)]
        for frame in frames[::2]:
            frame[:12] = 255
        results = {}
        for seconds in (0.0, 0.5):
            network = FrameStylizer(mean_stylizer(), painting(), StyleRequest(alpha=1), smoothing=seconds)
            results[seconds] = [network(Frame(rgb, Fraction(n, 25))).rgb[12:] for n, rgb in enumerate(frames)]
        change = {s: np.abs(np.diff(np.stack(r).astype(int), axis=0)).mean() for s, r in results.items()}
        assert change[0.5] < change[0.0] / 5


class TestFrames:
    def test_keyframes_reach_the_network(self) -> None:
        stylizer = mean_stylizer()
        styles = [np.full((4, 4, 3), level, np.uint8) for level in (0, 255)]
        frames = FrameStylizer(stylizer, styles, StyleRequest(), keyframes="0:alpha=0,style=1 1:alpha=1,style=2")
        for number in range(5):
            frames(Frame(photo(), Fraction(number, 4)))
        assert isinstance(stylizer.backend, MeanBackend)
        assert stylizer.backend.encoded == 2
        steps = [0, 0.25, 0.5, 0.75, 1]
        assert stylizer.backend.seen == [(pytest.approx(a), pytest.approx(a)) for a in steps]

    def test_luminance_keeps_the_colors(self) -> None:
        red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
        frames = FrameStylizer(mean_stylizer(), red, StyleRequest(preserve_color="luminance"))
        grey = np.full((6, 6, 3), 100, np.uint8)
        result = frames(Frame(grey, Fraction(0))).rgb
        assert np.ptp(result.astype(int), axis=2).max() <= 1

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"alpha": 1.5}, r"alpha must be in \[0, 1\], got 1.5"),
            ({"alpha": "0.5"}, r"alpha must be in \[0, 1\], got '0.5'"),
            ({"preserve_color": "lab"}, "must be one of"),
            ({"size": 8}, "a film takes no size"),
            ({"weights": [1, 2]}, "one weight per style"),
            ({"masks": []}, "got 0 masks for 1 styles"),
            ({"smoothing": -1}, "at least 0, got -1"),
            ({"smoothing": "long"}, "a finite number of seconds, at least 0, got 'long'"),
            ({"keyframes": 3}, "keyframes must be a list, got 3"),
            ({"keyframes": [3]}, "a list of adain.video.Keyframe, got 3"),
            ({"keyframes": [Keyframe("a")]}, "got 'a'"),
            ({"masks": [painting()], "keyframes": "0:style=1"}, "give one of the two"),
            ({"cancel": 3}, "cancel must be a function or None, got 3"),
            ({"keyframes": [Keyframe(0, weights=(1, 2))]}, "one weight per style"),
        ],
    )
    def test_a_wrong_argument_is_an_error_before_a_style_is_encoded(
        self, options: dict[str, object], said: str
    ) -> None:
        stylizer: Stylizer = mean_stylizer()
        own = {name: value for name, value in options.items() if name in ("smoothing", "keyframes", "cancel")}
        fields = {name: value for name, value in options.items() if name not in own}
        with pytest.raises(InputError, match=said):
            FrameStylizer(stylizer, painting(), StyleRequest(**fields), **own)  # type: ignore[arg-type]
        assert isinstance(stylizer.backend, MeanBackend)
        assert stylizer.backend.encoded == 0

    def test_a_code_of_another_model_is_an_error(self, tmp_path: Path) -> None:
        code = StyleCode("wct-vgg19", {"mean": np.zeros(3, np.float32)})
        code.save(tmp_path / "code.safetensors")
        for style in (code, tmp_path / "code.safetensors"):
            with pytest.raises(InputError, match="this style code is of wct-vgg19"):
                FrameStylizer(mean_stylizer(), style, StyleRequest())


class Recorder:
    """A sink that remembers."""

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.times: list[Fraction] = []
        self.end = ""

    def write(self, item: Frame | TrackPacket) -> None:
        if len(self.times) == self.fails_at:
            raise OSError("the disk is full")
        assert isinstance(item, Frame)
        self.times.append(item.time)

    def finish(self) -> None:
        self.end = "finished"

    def discard(self) -> None:
        self.end = "discarded"


def frame(number: int) -> Frame:
    return Frame(np.zeros((1, 1, 3), np.uint8), Fraction(number))


class Late:
    """A source whose first frame comes after five seconds."""

    clip = Clip(1, 1, Fraction(1), Fraction(1))

    def __iter__(self) -> Iterator[Frame | TrackPacket]:
        yield frame(5)

    def close(self) -> None:
        pass


class TestOverlap:
    @staticmethod
    def write(sink: Recorder, count: int, error: BaseException | None = None) -> None:
        with Background(sink) as writer:
            for number in range(count):
                writer.write(frame(number))
            if error is not None:
                raise error

    def test_everything_is_written_in_order_and_finished(self) -> None:
        sink = Recorder()
        self.write(sink, 20)
        assert sink.times == list(range(20))
        assert sink.end == "finished"

    def test_an_interruption_finishes_what_is_there(self) -> None:
        sink = Recorder()
        with pytest.raises(KeyboardInterrupt):
            self.write(sink, 7, KeyboardInterrupt())
        assert (len(sink.times), sink.end) == (7, "finished")

    def test_an_interruption_before_the_first_frame_leaves_nothing(self) -> None:
        sink = Recorder()
        with pytest.raises(KeyboardInterrupt):
            self.write(sink, 0, KeyboardInterrupt())
        assert sink.end == "discarded"

    def test_a_recording_without_a_frame_is_an_error_and_leaves_nothing(self) -> None:
        sink = Recorder()
        with pytest.raises(InputError, match="no frame came within 1 seconds"):
            run(Late(), sink, FrameStylizer(mean_stylizer(), painting(), StyleRequest()), until=1)
        assert sink.end == "discarded"

    def test_any_other_error_discards(self) -> None:
        sink = Recorder()
        with pytest.raises(ZeroDivisionError):
            self.write(sink, 7, ZeroDivisionError())
        assert sink.end == "discarded"

    @pytest.mark.parametrize("count", [4, 40])  # it fails after the last frame was taken, and long before
    def test_an_error_of_the_sink_comes_out_and_discards(self, count: int) -> None:
        sink = Recorder(fails_at=3)
        with pytest.raises(OSError, match="the disk is full"):
            self.write(sink, count)
        assert sink.end == "discarded"

    def test_nobody_waits_for_room_while_a_sink_cleans_up(self) -> None:
        told = threading.Event()

        class Slow(Recorder):
            def discard(self) -> None:
                self.end = "in time" if told.wait(10) else "too late"

        def write(writer: Background) -> None:
            try:
                for number in range(40):
                    writer.write(frame(number))
            finally:
                told.set()

        sink = Slow(fails_at=0)
        with pytest.raises(OSError, match="the disk is full"), Background(sink) as writer:
            write(writer)
        assert sink.end == "in time"

    def test_a_source_is_read_ahead_but_not_far(self) -> None:
        read: list[int] = []
        enough = threading.Event()

        def source() -> Iterator[int]:
            for number in range(100):
                read.append(number)
                if number == LENGTH + 1:
                    enough.set()
                yield number

        items = prefetch(source())
        assert next(items) == 0
        assert enough.wait(10)  # one that was taken, LENGTH that wait, one that finds no room
        items.close()
        assert len(read) <= LENGTH + 2

    def test_a_sources_error_comes_after_what_was_before_it(self) -> None:
        def source() -> Iterator[int]:
            yield from range(3)
            raise ValueError("damaged")

        items = prefetch(source())
        assert [next(items) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="damaged"):
            next(items)

    def test_only_the_newest_frame_of_a_camera_waits(self) -> None:
        done = threading.Event()

        def camera() -> Iterator[int]:
            yield from range(50)
            done.set()

        items = prefetch(camera(), newest_only=True)
        first = next(items)
        assert done.wait(10)  # it never waits for who stylises
        rest = list(items)
        assert rest in ([49], []) if first == 49 else rest == [49]


class TestFlicker:
    def test_the_same_clip_is_one_and_half_the_change_half(self) -> None:
        source = [frame.astype(np.uint8) // 2 * 2 for frame in pan(5)]
        assert flicker(source, source) == 1
        assert flicker(source, [frame // 2 for frame in source]) == pytest.approx(0.5)

    def test_a_result_that_stands_still_is_zero_and_one_that_does_not_may_be_infinite(self) -> None:
        still = [photo()] * 3
        assert flicker(pan(3, width=48, height=36), still) == 0
        assert flicker(still, still) == 0
        assert flicker(still, pan(3, width=48, height=36)) == float("inf")

    def test_noise_of_the_result_shows(self) -> None:
        rng = np.random.default_rng(0)
        source = pan(5)
        noisy = [(f + rng.normal(0, 20, f.shape)).clip(0, 255).astype(np.uint8) for f in source]
        assert flicker(source, noisy) > 1.3

    def test_wrong_frames_are_an_error(self) -> None:
        with pytest.raises(InputError, match="two or more frames each, got 1 and 1"):
            flicker([photo()], [photo()])
        with pytest.raises(InputError, match="got 3 and 2"):
            flicker([photo()] * 3, [photo()] * 2)
        with pytest.raises(InputError, match="one shape"):
            flicker([photo(), photo(8, 8)], [photo()] * 2)
