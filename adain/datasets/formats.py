"""Formats of shards: WebDataset tar files and Parquet files with a column of pictures, in and out (extra: datasets).

The tar files are read and written by webdataset, Parquet by pyarrow. Memory does not grow with the shard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from adain.datasets.made import COLUMNS
from adain.datasets.rows import ID_COLUMNS
from adain.errors import InputError
from adain.images.formats import READABLE, WRITABLE
from adain.jobs.running import windows

if TYPE_CHECKING:
    import pyarrow

    from adain.datasets.made import Made
    from adain.datasets.rows import Stylize

__all__ = ["FORMATS", "Transform", "check_suffixes"]

Transform: TypeAlias = Callable[["Stylize", Path, Path, str], Iterator["Made"]]
"""Stylizes a file into another, and yields what was made; the name of the shard is the last argument."""

_ROWS = 128  # of a Parquet file in memory at once, and in a row group that is written: some megabytes


def stylize_tar(stylize: Stylize, source: Path, target: Path, name: str) -> Iterator[Made]:
    """Stylize a WebDataset shard: each sample gets a stylized picture and `style.json`; its other files are kept.

    A sample whose picture cannot be read is left out.

    Raises:
        InputError: it is not a tar file, or a sample has several pictures.
    """
    import webdataset

    with (
        open(target, "wb") as stream,
        webdataset.TarWriter(stream, encoder=False, mtime=0, format="PAX_FORMAT") as writer,
    ):
        for samples in windows(_samples(source, name), stylize.window, _bytes):
            columns = [stylize.column if stylize.column in sample else _picture(sample, name) for sample in samples]
            pictures = [
                (sample.pop(column), f"{sample['__key__']}.{column}")
                for sample, column in zip(samples, columns, strict=True)
            ]
            for sample, column, results in zip(samples, columns, stylize.make(pictures), strict=True):
                for made in results:
                    yield made
                    if not made.error:
                        writer.write(_sample(sample, made, column))


def stylize_parquet(stylize: Stylize, source: Path, target: Path, name: str) -> Iterator[Made]:
    """Stylize a Parquet file; a row whose picture cannot be read is kept without a picture, with its `error`.

    Raises:
        InputError: it is not a Parquet file, or has no column of pictures.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(source) as file:
            known, column = file.schema_arrow.names, stylize.column
            column = column if column in known else _image_column(file.schema_arrow, name)
            schema = _with_new_columns(file.schema_arrow)
            with pq.ParquetWriter(target, schema) as writer:
                start = 0
                for batch in file.iter_batches(_ROWS):
                    rows: list[dict[str, Any]] = []
                    yield from _batch(stylize, batch.to_pylist(), column, (name, start), rows)
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    start += len(batch)
    except pa.ArrowException as error:
        raise InputError(f"{name} is not a Parquet file that can be read: {error}") from error


def _batch(
    stylize: Stylize, batch: list[dict[str, Any]], column: str, first: tuple[str, int], rows: list[dict[str, Any]]
) -> Iterator[Made]:
    """Stylize the pictures of a batch. The rows to write are appended to `rows`."""
    name, start = first
    numbered = enumerate(batch, start=start)
    pictures = [(values[column], _id(values, column, f"{name}:{index}")) for index, values in numbered]
    for values, results in zip(batch, stylize.make(pictures), strict=True):
        for made in results:
            yield made
            rows.append({**values, **made.facts(), column: _stored(values[column], made)})


FORMATS: Mapping[str, Transform] = {".tar": stylize_tar, ".parquet": stylize_parquet}
"""By the suffix of a file."""


def _id(values: Mapping[str, Any], column: str, fallback: str) -> str:
    """The id of a row of a Parquet file: its own, or else the name of the file and the row's number."""
    picture = values[column]
    own = [values.get(name) for name in ID_COLUMNS] + [picture.get("path") if isinstance(picture, dict) else None]
    return str(next((id for id in own if id is not None), fallback))


def _stored(before: Any, made: Made) -> Any:
    """The result in the form of the picture before."""
    data = None if made.error else made.data
    return {"bytes": data, "path": before.get("path")} if isinstance(before, dict) else data


def _samples(source: Path, name: str) -> Iterator[dict[str, Any]]:
    import tarfile

    from webdataset.tariterators import group_by_keys, tar_file_iterator

    try:
        with open(source, "rb") as stream:
            yield from group_by_keys({**member, "__url__": name} for member in tar_file_iterator(stream))
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise InputError(f"{name} is not a complete tar file of samples: {error}") from error


def _bytes(sample: Mapping[str, Any]) -> int:
    return sum(len(value) for value in sample.values() if isinstance(value, bytes))


def _picture(sample: Mapping[str, Any], name: str) -> str:
    pictures = [each for each in sample if f".{each.rpartition('.')[2]}" in READABLE]
    if len(pictures) != 1:
        raise InputError(
            f"{name}: the sample {sample['__key__']} must have one picture, has {', '.join(sample)}; "
            "name the picture's column"
        )
    return pictures[0]


def _sample(sample: Mapping[str, Any], made: Made, column: str) -> dict[str, Any]:
    """Return the sample to write: of several results per picture, each has a key of its own."""
    key, suffix = f"{sample['__key__']}{made.id.removeprefix(made.content)}", f".{column.rpartition('.')[2]}"
    others = {each: value for each, value in sample.items() if not each.startswith("__")}
    same = WRITABLE.get(suffix) is WRITABLE[made.suffix]
    return {
        "__key__": key,
        **others,
        column if same else made.suffix[1:]: made.data,
        "style.json": json.dumps(made.facts()).encode(),
    }


def _image_column(schema: pyarrow.Schema, name: str) -> str:
    """Return the only column that looks like one of pictures: `bytes` and `path` (Hugging Face), or binary."""
    import pyarrow as pa

    def holds(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return any(kind.field(at).name == "bytes" for at in range(kind.num_fields))
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    columns = [field.name for field in schema if holds(field.type)]
    if len(columns) != 1:
        raise InputError(
            f"{name} must have one column of pictures, has {', '.join(schema.names)}; name the picture's column"
        )
    return str(columns[0])


def _with_new_columns(schema: pyarrow.Schema) -> pyarrow.Schema:
    """Return the schema of the results. Hugging Face's description of the columns is kept up to date."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64()}
    fields = [field for field in schema if field.name not in COLUMNS]
    metadata = dict(schema.metadata or {})
    if b"huggingface" in metadata:
        facts = json.loads(metadata[b"huggingface"])
        features = facts.get("info", {}).get("features")
        if isinstance(features, dict):
            features.update(
                (name, {"dtype": "float64" if kind == "double" else kind, "_type": "Value"})
                for name, kind in COLUMNS.items()
            )
            metadata[b"huggingface"] = json.dumps(facts).encode()
    return pa.schema([*fields, *(pa.field(name, kinds[kind]) for name, kind in COLUMNS.items())], metadata=metadata)


def check_suffixes(names: Iterable[str]) -> None:
    """Raise an `InputError` unless each name is of a known format."""
    for name in names:
        if Path(name).suffix not in FORMATS:
            raise InputError(f"{name} must end in one of {', '.join(FORMATS)}; for pictures give their folder")
