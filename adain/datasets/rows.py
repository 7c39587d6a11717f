"""`Stylize`: one row with a picture in, one row with the stylized picture out, for any engine that maps rows.

Styles and strengths follow from the seed and the row's id alone (`adain.datasets.drawing`). The object is small and can
be pickled; each process loads the network and encodes a style on first use.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from PIL import Image

from adain import checks, images, registry
from adain.code import Maker
from adain.datasets import versions
from adain.datasets.drawing import Drawn
from adain.datasets.looks import RandomLooks
from adain.errors import ImageError, InputError
from adain.images.encoded import open_encoded
from adain.images.formats import FORMATS, READABLE, WRITABLE, named
from adain.jobs.many import Paths
from adain.jobs.plan import Look
from adain.jobs.running import PROBLEMS, reason
from adain.jobs.steps import Stylizing
from adain.jobs.style_set import found_styles
from adain.loading import load
from adain.model_files import resolve
from adain.request import PreserveColor, StyleRequest, given
from adain.runtimes.devices import parse_device
from adain.stylizer import Stylizer

__all__ = ["ID_COLUMNS", "Made", "Row", "Stylize", "encoded"]

Row: TypeAlias = dict[str, Any]

ID_COLUMNS = ("id", "path", "__key__")  # the last is WebDataset's
_FALLBACK = ".png"  # of pictures that come as pixels


@dataclass(frozen=True)
class Made:
    """A result.

    Attributes:
        id: the picture's id; of several results per picture, with `-` and their number.
        content: the picture's id.
        style: the style's name.
        alpha: its strength.
        seed: of the data set.
        suffix: of the format, such as `.jpg`.
        data: the encoded picture; empty if it could not be made.
        error: why, or empty.
        made_by: what made it, see `adain.datasets.versions`.
    """

    id: str
    content: str
    style: str
    alpha: float
    seed: int
    suffix: str
    data: bytes
    error: str
    made_by: str

    @cached_property
    def sha256(self) -> str:
        """Hash of the encoded picture; empty if there is none."""
        return "" if self.error else hashlib.sha256(self.data).hexdigest()

    def facts(self) -> dict[str, Any]:
        """The columns that say what was made of what."""
        names = ("id", "content", "style", "alpha", "seed", "sha256", "error", "made_by")
        return {name: getattr(self, name) for name in names}


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
        cache: number of encoded styles that each process keeps.

    Attributes:
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
        cache: int = 1024,
    ) -> None:
        keywords = StyleRequest(
            strokes=strokes, seed=seed, preserve_color=preserve_color, size=size, style_size=style_size
        )
        source = resolve(model)
        row = source.model
        self.looks = RandomLooks.of(
            found_styles(_absolute(styles)),
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
        value = self._value(row)
        return [self._result(row, made) for made in self.make(value, self._row_id(row, index))]

    def make(self, value: Any, id: str) -> list[Made]:
        """Return all results of a picture.

        Args:
            value: as in a row.
            id: the picture's id.

        Raises:
            WeightsError, DeviceError: the network cannot be loaded.
        """
        network = self._network  # outside of `try`: without it, every row would fail
        content = _attempt(partial(_read, network, value))
        suffix = self._suffix or _suffix(id, value)
        return [self._made(id, number, each, content, suffix) for number, each in enumerate(self.looks.draw(id))]

    @property
    def stylizer(self) -> Stylizer:
        """The loaded model of this process."""
        return _stylizer(self._load)

    def options(self) -> dict[str, Any]:
        """All that the results depend on besides the pictures and the versions, for a manifest."""
        return {**self.looks.facts(), "format": self._suffix, "quality": self._quality, "strip": self._strip}

    def versions(self) -> dict[str, str]:
        """The model, runtime and packages that make the results, for a manifest. Loads the model."""
        return versions.of(self.stylizer)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made on first use: it pickles to the same bytes before and after."""
        return {name: value for name, value in self.__dict__.items() if name != "_key"}

    @property
    def _made_by(self) -> str:
        made_by: str = _once(("made by", repr(self._load)), lambda: versions.text(self.versions()))
        return made_by

    @property
    def _network(self) -> Stylizing:
        return _stylizing(self._load, self.looks.request, self._cache, self._key)

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return repr(self._load), repr(self.looks.request), self._cache, self.looks.digest

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

    def _made(self, id: str, number: int, drawn: Drawn, content: images.Picture | str, suffix: str) -> Made:
        look = self.looks.looks[drawn.style]
        made: Any = content
        if not isinstance(content, str):
            made = _attempt(partial(self._data, content, look, drawn.alpha, suffix))
        failed = isinstance(made, str)
        return Made(
            f"{id}-{number}" if self.looks.per_picture > 1 else id,
            id,
            look.styles[0].name,
            drawn.alpha,
            self.looks.seed,
            suffix,
            b"" if failed else made,
            made if failed else "",
            self._made_by,
        )

    def _data(self, content: images.Picture, look: Look, alpha: float, suffix: str) -> bytes:
        network = self._network
        with _lock():  # threads share the network and its styles
            network.prepare(look)
            picture = network.stylize(content, look, alpha)
        return encoded(picture, suffix, self._quality, self._strip)


def _absolute(styles: Paths) -> Paths:
    """Make paths absolute: another process may have another working folder."""
    if isinstance(styles, (str, os.PathLike)):
        return os.path.abspath(styles)
    return [os.path.abspath(checks.path("each of styles", each)) for each in checks.listed("styles", styles)]


def encoded(picture: Image.Image, suffix: str, quality: int | None, strip: bool) -> bytes:
    """Encode a picture in the format of a suffix, with a quality if the format has one."""
    stream = io.BytesIO()
    images.write(picture, stream, suffix, quality=quality if WRITABLE[suffix].lossy else None, strip=strip)
    return stream.getvalue()


def _suffix(id: str, value: Any) -> str:
    """The suffix of the format to write: the id's, or else that of the picture's own format."""
    own = PurePosixPath(id).suffix.lower()
    if own in WRITABLE:
        return own
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if isinstance(data, (bytes, bytearray, memoryview)):
        with contextlib.suppress(*PROBLEMS):  # the row gets the error when it is read
            image, _ = open_encoded(data)
            with image:
                kinds = (row.suffixes[0] for row in FORMATS if row.writes and row.pillow == image.format)
                return next(kinds, _FALLBACK)
    return _FALLBACK


def _attempt(step: Callable[[], Any]) -> Any:
    """Return the step's result, or the message of its error."""
    try:
        return step()
    except PROBLEMS as error:
        return reason(error) or type(error).__name__


def _read(network: Stylizing, value: Any) -> images.Picture:
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if isinstance(data, Image.Image):
        return network.read(data)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"the row's picture must be bytes, got {checks.shown(data)}")
    return network.read(bytes(data))


# The networks and styles, by the process that loaded them. A fork copies sessions without their threads, and even
# freeing such a copy would wait for ever. So the entries of a parent process are kept and not used.
_networks: dict[tuple[object, ...], Any] = {}
_locks: dict[int, threading.RLock] = {}


def _lock() -> threading.RLock:
    """The lock of this process: at a fork, a thread of the parent may hold the parent's for ever."""
    return _locks.setdefault(os.getpid(), threading.RLock())


def _once(key: tuple[object, ...], make: Callable[[], Any]) -> Any:
    key = (os.getpid(), *key)
    with _lock():
        if key not in _networks:
            _networks[key] = make()
        return _networks[key]


def _stylizer(loading: Callable[[], Stylizer]) -> Stylizer:
    stylizer: Stylizer = _once(("stylizer", repr(loading)), loading)
    return stylizer


def _stylizing(
    loading: Callable[[], Stylizer], request: StyleRequest, cache: int, key: tuple[object, ...]
) -> Stylizing:
    network: Stylizing = _once(("looks", *key), lambda: Stylizing(_stylizer(loading), request, at_once=cache))
    return network
