"""`adain.Stylize`: rows in, rows out, the same whatever the order and the process."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image

import adain
from adain.code_files import save_codes
from adain.datasets.drawing import Shard, draw
from adain.errors import InputError


def encoded(picture: object, format: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format)  # type: ignore[arg-type]
    return stream.getvalue()


PHOTO = encoded(photo(24, 16))


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    (folder / "deep").mkdir()
    for seed in range(4):
        Image.fromarray(painting(20, 20, seed=seed)).save(folder / ("deep" if seed > 2 else "") / f"{seed}.png")
    return folder


def test_a_draw_is_the_same_for_ever() -> None:
    drawn = draw(7, "n01440764/a.JPEG", styles=1000, count=3, alpha=(0.5, 1))
    assert drawn == [(540, 0.9143), (753, 0.523), (838, 0.846)]  # another number would change every data set
    assert draw(7, "n01440764/a.JPEG", styles=1000, count=1, alpha=(0.5, 1)) == drawn[:1]


def test_draws_are_uniform_and_copies_differ_in_style() -> None:
    draws = [draw(0, str(number), styles=8, count=3, alpha=(0, 1)) for number in range(4000)]
    assert all(len({each.style for each in some}) == 3 for some in draws)
    for copy in range(3):
        counts = np.bincount([some[copy].style for some in draws], minlength=8)
        assert abs(counts - 500).max() < 5 * 500**0.5  # five standard deviations
    assert abs(np.mean([some[0].alpha for some in draws]) - 0.5) < 0.03


def test_shards_part_all_ids_evenly() -> None:
    shards = [Shard(number, 5) for number in range(1, 6)]
    held = [[shard.holds(str(id)) for id in range(2000)] for shard in shards]
    assert np.sum(held, axis=0).tolist() == [1] * 2000
    assert abs(np.sum(held, axis=1) - 400).max() < 5 * 400**0.5
    assert Shard.parse("3/16") == Shard(3, 16)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/", "-1/4", "²/3"])
def test_a_shard_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="shard"):
        Shard.parse(text)


def test_a_row_is_what_the_stylizer_makes(paintings: Path) -> None:
    made = adain.Stylize(paintings, seed=3, alpha=(0.5, 1))({"id": "a/b.png", "bytes": PHOTO, "label": 7})
    assert (made["id"], made["content"], made["label"], made["error"], made["seed"]) == ("a/b.png", "a/b.png", 7, "", 3)
    style = paintings / f"{made['style']}.png"
    expected = adain.load(device="cpu")(PHOTO, style, alpha=made["alpha"], seed=3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(made["bytes"]))), np.asarray(expected))


def test_order_process_and_listing_change_nothing(paintings: Path) -> None:
    stylize = adain.Stylize(paintings, seed=1)
    rows = [{"id": f"{number}.jpg", "bytes": PHOTO} for number in range(6)]
    made = [stylize(row) for row in rows]
    assert [stylize(row) for row in reversed(rows)] == made[::-1]
    assert len({each["style"] for each in made}) > 1
    assert len({each["sha256"] for each in made}) > 1
    assert [adain.Stylize(paintings, seed=2)(row)["style"] for row in rows] != [each["style"] for each in made]
    files = sorted(paintings.rglob("*.png"), reverse=True)
    assert [adain.Stylize(files, seed=1)(row)["sha256"] for row in rows] == [
        adain.Stylize(sorted(files), seed=1)(row)["sha256"] for row in rows
    ]
    code = (
        "import sys, pickle; f, rows = pickle.load(sys.stdin.buffer); pickle.dump([*map(f, rows)], sys.stdout.buffer)"
    )
    pickled = pickle.dumps((stylize, rows))
    output = subprocess.run(
        [sys.executable, "-c", code], input=pickled, capture_output=True, check=True, cwd="/"
    ).stdout
    assert pickle.loads(output) == made


def test_it_is_light_to_pickle_and_loads_once_per_process(paintings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stylize = adain.Stylize(paintings)
    stylize({"id": "0", "bytes": PHOTO})
    assert len(pickle.dumps(stylize)) < 4000
    again = pickle.loads(pickle.dumps(stylize))
    monkeypatch.setattr("adain.model_files.ModelSource.graphs", None)  # loading again would fail
    assert again({"id": "0", "bytes": PHOTO}) == stylize({"id": "0", "bytes": PHOTO})


def test_threads_may_share_it(paintings: Path) -> None:
    stylize = adain.Stylize(paintings, cache=1)
    rows = [{"id": str(number), "bytes": PHOTO} for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(stylize, rows)) == [stylize(row) for row in rows]


def test_copies_are_results_in_different_styles(paintings: Path) -> None:
    rows = adain.Stylize(paintings, per_picture=3).copies({"id": "x.png", "bytes": PHOTO})
    assert [row["id"] for row in rows] == ["x.png-0", "x.png-1", "x.png-2"]
    assert len({row["style"] for row in rows}) == 3
    assert rows[0]["sha256"] == adain.Stylize(paintings)({"id": "x.png", "bytes": PHOTO})["sha256"]
    with pytest.raises(InputError, match="call copies"):
        adain.Stylize(paintings, per_picture=2)({"id": "x", "bytes": PHOTO})


def test_one_file_of_codes_gives_the_pictures_of_its_paintings(paintings: Path, tmp_path: Path) -> None:
    files = sorted(paintings.glob("*.png"))
    stylizer = adain.load(device="cpu")
    save_codes({file.stem: stylizer.encode_style(file) for file in files}, tmp_path / "codes.safetensors")
    for number in range(5):
        row = {"id": str(number), "bytes": PHOTO}
        assert adain.Stylize(tmp_path / "codes.safetensors")(row) == adain.Stylize(files)(row)


def test_bad_pictures_are_rows_with_an_error(paintings: Path) -> None:
    stylize = adain.Stylize(paintings)
    for value, said in ((b"no picture", "is no picture"), (b"", "has 0 bytes"), (None, "must be bytes, got None")):
        row = stylize({"id": "a.jpg", "bytes": value, "label": 1})
        assert said in row["error"]
        assert (row["bytes"], row["sha256"], row["label"], row["id"]) == (b"", "", 1, "a.jpg")


def test_the_format_is_the_ids_or_the_one_that_was_named(paintings: Path) -> None:
    def kind(id: str, **options: str) -> str | None:
        return Image.open(io.BytesIO(adain.Stylize(paintings, **options)({"id": id, "bytes": PHOTO})["bytes"])).format

    assert [kind("a.JPEG"), kind("a.png"), kind("a"), kind("a.heic")] == ["JPEG", "PNG", "PNG", "PNG"]
    assert kind("a.png", format="webp") == "WEBP"
    row = {"id": "a", "bytes": encoded(photo(24, 16), "JPEG")}
    assert Image.open(io.BytesIO(adain.Stylize(paintings)(row)["bytes"])).format == "JPEG"


@pytest.mark.parametrize(
    ("row", "index", "id"),
    [
        ({"bytes": PHOTO, "path": "p.jpg"}, None, "p.jpg"),
        ({"bytes": PHOTO, "__key__": "k"}, 5, "k"),
        ({"bytes": {"bytes": PHOTO, "path": "in.jpg"}}, None, "in.jpg"),
        ({"bytes": {"bytes": PHOTO, "path": None}}, 12, "12"),
        ({"bytes": Image.fromarray(photo(8, 8))}, 0, "0"),
    ],
)
def test_ids_come_from_columns_or_the_index(
    paintings: Path, row: dict[str, object], index: int | None, id: str
) -> None:
    made = adain.Stylize(paintings)(row, index)
    assert (made["id"], made["error"]) == (id, "")
    assert isinstance(made["bytes"], bytes if isinstance(row["bytes"], bytes) else dict)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"per_picture": 5}, "5 results per picture need as many styles, got 4"),
        ({"alpha": (1, 0.5)}, r"alpha must be in \[0, 1\], or a range"),
        ({"request": adain.StyleRequest(weights=[1])}, "takes no weights"),
        ({"request": adain.StyleRequest(alpha=1)}, "alpha as an argument"),
        ({"quality": 0}, "quality"),
        ({"format": "heic"}, "format must be one of"),
        ({"model": "nothing"}, "nothing"),
    ],
)
def test_wrong_options_are_errors_at_once(paintings: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        adain.Stylize(paintings, **options)  # type: ignore[arg-type]


def test_styles_elsewhere_are_a_clear_error() -> None:
    with pytest.raises(InputError, match="s3://bucket/paintings is not on this machine"):
        adain.Stylize("s3://bucket/paintings")


def test_a_row_without_a_picture_or_an_id_is_an_error(paintings: Path) -> None:
    stylize = adain.Stylize(paintings)
    with pytest.raises(InputError, match="no column 'bytes'"):
        stylize({"id": "a"})
    with pytest.raises(InputError, match="has no id"):
        stylize({"bytes": PHOTO})


def test_engines_are_imported_only_when_they_are_used(paintings: Path) -> None:
    modules = "sys, adain.datasets.on_ray, adain.datasets.folders, adain.datasets.formats"
    code = f"import {modules}; adain.Stylize({str(paintings)!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert not {"ray", "pyarrow", "torch", "fsspec", "webdataset", "pandas", "datasets"} & {*loaded}
