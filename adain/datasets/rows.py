"""`Stylize`: one row with a picture in, one row with the stylized picture out, for any engine that maps rows.

Styles and strengths follow from the seed and the row's id alone (`adain.datasets.drawing`). The object is small and can
be pickled; each process loads the network and encodes a style on first use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from PIL import Image

from adain import checks, images, registry
from adain.code import Maker
from adain.datasets import process, versions
from adain.datasets.drawing import Drawn
from adain.datasets.looks import RandomLooks
from adain.datasets.made import Made, encoded, result_suffix
from adain.errors import ImageError, InputError
from adain.files import is_elsewhere
from adain.images.formats import READABLE, named
from adain.jobs.many import Paths, find_styles
from adain.jobs.running import PROBLEMS, reason, windows
from adain.jobs.steps import Job, Stylizing, checked_batch, default_batch
from adain.loading import load
from adain.model_files import resolve
from adain.request import PreserveColor, StyleRequest, given
from adain.runtimes.devices import parse_device
from adain.stylizer import Stylizer
from adain.weights import Progress

__all__ = ["ID_COLUMNS", "Row", "Stylize"]

Row: TypeAlias = dict[str, Any]

ID_COLUMNS = ("id", "path", "__key__")  # the last is WebDataset's

_T = TypeVar("_T")


class _Wanted(NamedTuple):
    """A result to make.

    Attributes:
        position: of its picture among those of the call.
        id: the picture's id.
        number: of the result among those of the picture.
        drawn: its style and strength.
        suffix: of its format.
        content: the picture, or why it cannot be read.
    """

    position: int
    id: str
    number: int
    drawn: Drawn
    suffix: str
    content: images.Picture | Exception


class Stylize:
    """Stylize the picture of a row with a style drawn for it. Call it with a row.

    A row is a mapping with an encoded picture in the column `picture`: bytes, or a mapping with `bytes` as in Hugging
    Face's data sets, or a PIL image. Its id is in the column `id`, `path` or `__key__`, or is the picture's own `path`,
    or the index that is passed with the row. Other columns, such as labels, are kept.

    The result has the stylized picture in the same column, encoded as the id's suffix says (JPEG for `a.jpg`) or else
    like the picture that came, as bytes, or as a mapping with `bytes` and `path`. These columns are added:

    | column | |
    |---|---|
    | `id` | the row's id; with several results per picture, `-0`, `-1` ... is appended |
    | `content` | the row's id |
    | `style`, `alpha`, `seed` | what was drawn; the style is empty if it is not known |
    | `sha256` | of the encoded picture |
    | `error` | why there is no picture, or empty. The picture is empty then |
    | `made_by` | the versions of package, model, runtime and precision that made it |

    A picture that cannot be read does not stop a job: its row comes out with its `error`.

    Args:
        styles: a picture, a file of style codes (`adain encode` writes them), a folder that is searched for these
            with its subfolders, a pattern such as `paintings/**/*.jpg`, or a list of these.
        per_picture: results per picture, in different styles; more than 1 needs `copies`.
        alpha: strength of the style in [0, 1], or the two ends of a range to draw it from. None: the model's own.
        strokes: see `adain.StyleRequest`.
        seed: of the draw, and as for `adain.StyleRequest`. None: 0.
        preserve_color: see `adain.StyleRequest`.
        size: see `adain.StyleRequest`.
        style_size: see `adain.StyleRequest`.
        request: replaces `strokes` to `style_size`; without alpha, weights and masks.
        picture: name of the column with the picture.
        id: name of the column with the id. None: `id`, `path` or `__key__`, the first that is there.
        format: of the results, such as `jpg`. None: that of the id's suffix, or else of the picture.
        quality: of JPEG, WebP and AVIF, see `adain.images.write`.
        strip: see `adain.images.write`.
        model: see `adain.load`.
        device: see `adain.load`.
        runtime: see `adain.load`.
        precision: see `adain.load`.
        weights_dir: see `adain.load`.
        threads: see `adain.load`; 1 in processes that share the cores, such as a DataLoader's workers.
        batch: number of pictures of equal shape that go through the network together, where `rows` or `columns` get
            several; it is halved when memory is short. None: 1, with CUDA 32. In onnxruntime and OpenVINO on the CPU
            the results are the same; in torch a few values of 100,000 differ by 1 of 255.
        cache: number of encoded styles that each process keeps.

    Attributes:
        batch: the argument.
        column: `picture`.
        looks: the styles and their draw.

    Raises:
        InputError: styles are missing or too few, an option is not allowed, or codes are of another model; when
            called: the row has no picture column or no id.
    """

    def __init__(
        self,
        styles: Paths,
        *,
        per_picture: int = 1,
        alpha: float | tuple[float, float] | None = None,
        strokes: float | None = None,
        seed: int | None = None,
        preserve_color: PreserveColor | None = None,
        size: int | None = None,
        style_size: int | None = StyleRequest.style_size,
        request: StyleRequest | None = None,
        picture: str = "bytes",
        id: str | None = None,
        format: str | None = None,
        quality: int | None = None,
        strip: bool = False,
        model: str | os.PathLike[str] = registry.DEFAULT,
        device: object = "cpu",
        runtime: str = "auto",
        precision: str | None = None,
        weights_dir: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        batch: int | None = None,
        cache: int = 1024,
    ) -> None:
        keywords = StyleRequest(
            strokes=strokes, seed=seed, preserve_color=preserve_color, size=size, style_size=style_size
        )
        source = resolve(model)
        row = source.model
        self.looks = RandomLooks.of(
            find_styles(_absolute(styles)),
            Maker(row.name, row.code_digest),
            row.default_alpha,
            per_picture=per_picture,
            alpha=alpha,
            request=given(request, keywords),
        )
        images.check_quality(quality)
        self._suffix = None if format is None else named(format).suffixes[0]
        self.column, self._id = picture, id
        self._quality, self._strip = quality, strip
        self._cache = checks.whole("cache", cache, 1)
        self.batch = checked_batch(batch)
        self._load = partial(
            load,
            source.given,
            device=parse_device(device),
            runtime=runtime,
            precision=precision,
            weights_dir=None if weights_dir is None else os.path.abspath(weights_dir),
            threads=threads,
        )

    def __call__(self, row: Mapping[str, Any], index: int | None = None) -> Row:
        """Stylize the picture of a row, which comes from anywhere.

        Args:
            row: the row.
            index: its number, as the id of a row without one.

        Raises:
            InputError: there are several results per picture, or the row has no picture column or no id.
            WeightsError, DeviceError: the network cannot be loaded.
        """
        if self.looks.per_picture > 1:
            raise InputError(
                f"one row comes out of a call, but per_picture is {self.looks.per_picture}; call copies(row)"
            )
        return self.copies(row, index)[0]

    def copies(self, row: Mapping[str, Any], index: int | None = None) -> list[Row]:
        """Return all results of a row, as `flat_map` takes them. Raises the same as a call."""
        return self.rows([row], None if index is None else [index])

    def rows(self, rows: Sequence[Mapping[str, Any]], indices: Sequence[int] | None = None) -> list[Row]:
        """Return all results of several rows, in their order; those of equal shape go through the network together.

        Args:
            rows: rows as for a call.
            indices: their numbers, as the ids of rows without one.

        Raises:
            InputError: a row has no picture column or no id.
            WeightsError, DeviceError: the network cannot be loaded.
        """
        numbers: Sequence[int | None] = [None] * len(rows) if indices is None else indices
        pictures = [(self._value(row), self._row_id(row, index)) for row, index in zip(rows, numbers, strict=True)]
        made = zip(rows, self.make(pictures), strict=True)
        return [self._result(row, each) for row, results in made for each in results]

    def columns(
        self, columns: Mapping[str, Sequence[Any]], indices: Sequence[int] | None = None
    ) -> dict[str, list[Any]]:
        """Do the same as `rows`, with rows as columns: for `map(batched=True)` of Hugging Face's `datasets`."""
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        made = self.rows(rows, indices)
        return {name: [row[name] for row in made] for name in (made[0] if made else ())}

    def make(self, pictures: Sequence[tuple[Any, str]]) -> list[list[Made]]:
        """Return all results of each picture.

        Args:
            pictures: each as in a row, and its id.

        Raises:
            WeightsError, DeviceError: the network cannot be loaded.
        """
        network = self._network  # outside of `_attempt`: without it, every row would fail
        results: list[list[Made]] = [[] for _ in pictures]
        for some in windows(self._wanted(network, pictures), network.window, _bytes):
            for wanted, data in zip(some, self._data(network, some), strict=True):
                results[wanted.position].append(self._made(wanted, data))
        return results

    def load(self, progress: Progress | None = None) -> Stylizer:
        """Return the model of this process, and load it first if need be.

        Args:
            progress: of a download, see `adain.load`.

        Raises:
            WeightsError, DeviceError: the network cannot be loaded.
        """
        return process.once(("stylizer", repr(self._load)), partial(self._load, progress=progress))

    @property
    def stylizer(self) -> Stylizer:
        """The model of this process."""
        return self.load()

    @property
    def window(self) -> int:
        """The number of rows to give to `rows` at once, so that batches are full. Loads the model."""
        return self._network.window

    @property
    def batched(self) -> bool:
        """Whether rows should come several at once. A device `auto` counts as the CPU, so the model is not loaded."""
        return (default_batch(self._load.keywords["device"]) if self.batch is None else self.batch) > 1

    def options(self) -> dict[str, Any]:
        """All that the results depend on besides the pictures and the versions, for a manifest."""
        return {**self.looks.facts(), "format": self._suffix, "quality": self._quality, "strip": self._strip}

    def versions(self) -> dict[str, str]:
        """The model, runtime and packages that make the results, for a manifest. Loads the model."""
        return versions.of(self.stylizer, self.batch)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made on first use: it pickles to the same bytes before and after."""
        return {name: value for name, value in self.__dict__.items() if name != "_key"}

    @property
    def _made_by(self) -> str:
        return process.once(("made by", repr(self._load), self.batch), lambda: versions.text(self.versions()))

    @property
    def _network(self) -> Stylizing:
        return process.once(
            ("looks", *self._key),
            lambda: Stylizing(self.stylizer, self.looks.request, at_once=self._cache, batch=self.batch),
        )

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return repr(self._load), repr(self.looks.request), self._cache, self.batch, self.looks.digest

    def _value(self, row: Mapping[str, Any]) -> Any:
        if self.column not in row:
            raise InputError(
                f"the row has no column {self.column!r} with a picture, only {', '.join(map(repr, row))}; "
                "name it with picture=..."
            )
        return row[self.column]

    def _row_id(self, row: Mapping[str, Any], index: int | None) -> str:
        for name in ID_COLUMNS if self._id is None else (self._id,):
            if row.get(name) is not None:
                return f"{row[name]}{self._member}" if name == "__key__" else str(row[name])
        value = self._value(row)
        if self._id is None and isinstance(value, Mapping) and value.get("path"):
            return str(value["path"])
        if index is None:
            raise InputError(
                f"the row has no id in the columns {', '.join(map(repr, row))}, but the style follows from it; "
                "name the column with id=..., or pass the row's number as index"
            )
        return str(index)

    @property
    def _member(self) -> str:
        """What WebDataset cut off the file's name."""
        return f".{self.column}" if f".{self.column}" in READABLE else ""

    def _result(self, row: Mapping[str, Any], made: Made) -> Row:
        plain = isinstance(row[self.column], (bytes, bytearray, memoryview, type(None)))
        return {**row, self.column: made.data if plain else {"bytes": made.data, "path": None}, **made.facts()}

    def _wanted(self, network: Stylizing, pictures: Iterable[tuple[Any, str]]) -> Iterator[_Wanted]:
        """Yield the results to make; each picture is read when its first result is asked for."""
        for position, (value, id) in enumerate(pictures):
            content = _attempt(partial(_read, network, value))
            suffix = self._suffix or result_suffix(id, value)
            for number, drawn in enumerate(self.looks.draw(id)):
                yield _Wanted(position, id, number, drawn, suffix, content)

    def _data(self, network: Stylizing, wanted: Sequence[_Wanted]) -> list[bytes | Exception]:
        """Return the encoded results; in place of one that failed is its error."""
        with process.lock():  # threads share the network and its styles
            jobs = [self._job(network, each) for each in wanted]
            made = iter(network.stylize_all([job for job in jobs if not isinstance(job, Exception)]))
        pictures = [job if isinstance(job, Exception) else next(made) for job in jobs]
        return [
            picture
            if isinstance(picture, Exception)
            else _attempt(partial(encoded, picture, each.suffix, self._quality, self._strip))
            for picture, each in zip(pictures, wanted, strict=True)
        ]

    def _job(self, network: Stylizing, wanted: _Wanted) -> Job | Exception:
        if isinstance(wanted.content, Exception):
            return wanted.content
        styles = _attempt(partial(network.prepare, self.looks.looks[wanted.drawn.style]))
        return styles if isinstance(styles, Exception) else Job(wanted.content, styles, wanted.drawn.alpha)

    def _made(self, wanted: _Wanted, data: bytes | Exception) -> Made:
        return Made(
            f"{wanted.id}-{wanted.number}" if self.looks.per_picture > 1 else wanted.id,
            wanted.id,
            self.looks.looks[wanted.drawn.style].styles[0].name,
            wanted.drawn.alpha,
            self.looks.seed,
            wanted.suffix,
            b"" if isinstance(data, Exception) else data,
            (reason(data) or type(data).__name__) if isinstance(data, Exception) else "",
            self._made_by,
        )


def _absolute(styles: Paths) -> Paths:
    """Make paths absolute: another process may have another working folder."""
    if isinstance(styles, (str, os.PathLike)):
        return styles if is_elsewhere(styles) else os.path.abspath(styles)
    named = [checks.path("each of styles", each) for each in checks.listed("styles", styles)]
    return [each if is_elsewhere(each) else os.path.abspath(each) for each in named]


def _attempt(step: Callable[[], _T]) -> _T | Exception:
    """Return the step's result, or its error."""
    try:
        return step()
    except PROBLEMS as error:
        return error


def _bytes(wanted: _Wanted) -> int:
    return 0 if isinstance(wanted.content, Exception) else wanted.content.colors.nbytes


def _read(network: Stylizing, value: Any) -> images.Picture:
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if isinstance(data, Image.Image):
        return network.read(data)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"the row's picture must be bytes, got {checks.shown(data)}")
    return network.read(bytes(data))
