"""Other engines that map rows: torch's DataLoader over WebDataset shards, and Hugging Face's data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from shard_files import encoded, write_parquet, write_styles, write_tar

import adain

pytestmark = [
    pytest.mark.heavy,  # slow imports, and processes
    pytest.mark.filterwarnings("ignore"),  # of other packages
]


def test_a_dataloader_over_webdataset_shards(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset", reason="needs the extra datasets")
    data = pytest.importorskip("torch.utils.data", reason="needs the extra torch")
    for number in range(4):
        write_tar(tmp_path / f"{number}.tar", range(5 * number, 5 * number + 5))
    shards = [str(tmp_path / f"{number}.tar") for number in range(4)]
    stylize = adain.Stylize(write_styles(tmp_path / "styles"), picture="jpg", threads=1, strokes=0)
    dataset = wds.WebDataset(shards, shardshuffle=False).map(stylize).to_tuple("id", "jpg", "cls", "error")
    loader = data.DataLoader(dataset, batch_size=None, num_workers=2)
    rows = {id: (picture, int(label), error) for id, picture, label, error in loader}
    assert len(rows) == 20
    for number in range(20):
        id = f"n{number % 2}/{number:04}.jpg"
        assert rows[id] == (stylize({"id": id, "jpg": encoded(number)})["jpg"], number % 10, "")


def test_hugging_faces_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets", reason="needs the extra test")
    write_parquet(tmp_path / "a.parquet", range(6))
    dataset = datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    stylize = adain.Stylize(write_styles(tmp_path / "styles"), picture="image", strokes=0)
    plain = dataset.cast_column("image", datasets.Image(decode=False)).map(stylize)
    for number, row in enumerate(plain):
        id = f"n/{number:04}.jpg"
        alone = stylize({"id": id, "image": encoded(number)})
        assert (row["id"], row["image"]["bytes"], row["label"]) == (id, alone["image"], number)
        assert row["style"] == alone["style"]
    decoded = dataset.map(stylize, with_indices=True)
    assert decoded[3]["id"] == "3"
    assert decoded[3]["image"].size == (24, 16)


def test_shards_are_read_by_hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets", reason="needs the extra test")
    from adain.datasets.shards import stylize_shards

    source = write_parquet(tmp_path / "in" / "a.parquet", range(3))
    stylize_shards(adain.Stylize(write_styles(tmp_path / "styles"), strokes=0), str(source), str(tmp_path / "out"))
    made = datasets.Dataset.from_parquet(str(tmp_path / "out" / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    assert made[0]["image"].size == (24, 16)
    assert [row["label"] for row in made] == [0, 1, 2]
