"""Shards made in code: WebDataset tar files and Parquet files in Hugging Face's layout."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from pictures import painting, photo
from PIL import Image

__all__ = ["encoded", "read_tar", "write_parquet", "write_styles", "write_tar"]


def encoded(number: int, format: str = "JPEG", size: tuple[int, int] = (24, 16)) -> bytes:
    """A small photograph; each number is another."""
    picture = photo(*size)
    picture[0, :, number % 3] = number % 256
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format)
    return stream.getvalue()


def write_styles(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    for seed in range(count):
        Image.fromarray(painting(20, 20, seed)).save(folder / f"{seed}.png")
    return folder


def write_tar(path: Path, numbers: range, bad: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for number in numbers:
            data = b"no picture" if number == bad else encoded(number)
            for suffix, content in (("jpg", data), ("cls", str(number % 10).encode())):
                member = tarfile.TarInfo(f"n{number % 2}/{number:04}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def read_tar(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def write_parquet(path: Path, numbers: range, bad: int | None = None) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "image": {"bytes": b"no picture" if number == bad else encoded(number), "path": f"n/{number:04}.jpg"},
            "label": number % 10,
        }
        for number in numbers
    ]
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {"image": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=metadata)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path
