"""Training pictures from tar files and folders.

A sample is a pure function of (seed, index): which pictures, which crop, flipped or not. So a resumed run
sees exactly what it would have seen, with any number of workers.

Headers are checked once at the start and what cannot be opened is listed with its reason. A picture whose
pixels turn out to be damaged later is replaced by the next one, and named in the batch's `problems`: never
silently skipped.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as transforms  # type: ignore[import-untyped]

from adain import images
from adain.errors import ImageError, InputError
from adain.files import unreadable
from adain.images.encoded import open_encoded
from adain.images.formats import READABLE
from adain.training import schedule
from adain.training.recipe import Phase

__all__ = ["Batch", "PairDataset", "PictureRef", "Pictures", "loader", "open_pictures", "provenance"]

SUFFIXES = tuple(READABLE)
_CONTENT, _STYLE, _ORDER, _VIEW = 0, 1, 0, 1  # which random stream


@dataclass(frozen=True)
class PictureRef:
    """Where a picture's bytes are: a whole file, or a stretch of a tar file."""

    name: str
    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        """The bytes; every call opens its own handle, so workers share none."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)

    def decode(self, side: int | None = None) -> Image.Image:
        """The picture upright in sRGB. A JPEG may be decoded smaller, but no side gets below `side`."""
        return images.read_rgb(self.read(), at_least=side)


@dataclass(frozen=True)
class Pictures:
    """Pictures that can be opened, and those that cannot with the reason."""

    refs: tuple[PictureRef, ...]
    problems: tuple[str, ...]


class Batch(NamedTuple):
    """Content and style crops (N, 3, H, W) uint8; `problems` names pictures that had to be replaced."""

    content: Tensor
    style: Tensor
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleKey:
    """What a worker is asked for."""

    index: int
    phase: Phase = field(repr=False)


def open_pictures(sources: Sequence[str | Path], base: Path | None = None) -> Pictures:
    """Index tar files and folders and check every picture's header.

    Args:
        sources: uncompressed tar files, folders (searched recursively) or pictures, below `base` if relative.
        base: the data directory.

    Raises:
        InputError: a source is missing, is no tar file, or not one picture can be opened.
    """
    refs = [ref for source in sources for ref in _index((base or Path()) / Path(source).expanduser())]
    problems: list[str] = []
    good = []
    for ref in refs:
        reason = _header_problem(ref)
        if reason is None:
            good.append(ref)
        else:
            problems.append(f"{ref.name}: {reason}")
    if not good:
        listed = "".join(f"\n  {line}" for line in problems[:5])
        raise InputError(f"no readable pictures in {', '.join(map(str, sources))}{listed}")
    return Pictures(tuple(good), tuple(problems))


def _index(path: Path) -> list[PictureRef]:
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        return [PictureRef(p.relative_to(path).as_posix(), p, 0, p.stat().st_size) for p in files]
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return [PictureRef(path.name, path, 0, path.stat().st_size)]
    if (fault := unreadable(path, "tar file or picture")) is not None:
        raise InputError(f"{path} {fault}")
    try:
        with tarfile.open(path, "r:") as tar:
            members = [m for m in tar if m.isreg() and m.name.lower().endswith(SUFFIXES)]
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{path} must be a folder, an uncompressed tar file or a picture: {error}") from error
    return [PictureRef(m.name, path, m.offset_data, m.size) for m in members]


def _header_problem(ref: PictureRef) -> str | None:
    try:
        image, _ = open_encoded(ref.read())
    except (OSError, ImageError, MemoryError) as error:
        return str(error)
    with image:
        width, height = image.size
    return None if min(width, height) >= 16 else f"only {width} x {height} pixels"


def provenance(pictures: Pictures) -> str:
    """Sha256 (hex) over the names and lengths of the pictures, in order: which data a network saw."""
    digest = hashlib.sha256()
    for ref in pictures.refs:
        digest.update(f"{ref.name}\0{ref.length}\n".encode())
    return digest.hexdigest()


class PairDataset(Dataset[tuple[Tensor, Tensor, tuple[str, ...]]]):
    """Pairs of a content and a style crop, each (3, crop, crop) uint8, by `SampleKey`."""

    def __init__(self, content: Pictures, style: Pictures, *, seed: int, flip: bool = True) -> None:
        self._pictures = (content.refs, style.refs)
        self._seed = seed
        self._flip = flip

    def __getitem__(self, key: SampleKey) -> tuple[Tensor, Tensor, tuple[str, ...]]:
        phase = key.phase
        content, content_problems = self._view(_CONTENT, key.index, phase.content_side, phase.crop)
        style, style_problems = self._view(_STYLE, key.index, phase.style_side, phase.crop)
        return content, style, content_problems + style_problems

    def _view(self, kind: int, index: int, sides: Sequence[int], crop: int) -> tuple[Tensor, tuple[str, ...]]:
        refs = self._pictures[kind]
        random = np.random.default_rng((self._seed, kind, _VIEW, index))
        side = int(random.integers(sides[0], sides[1], endpoint=True))
        problems: list[str] = []
        epoch, place = divmod(index, len(refs))
        order = _order(self._seed, kind, epoch, len(refs))
        for attempt in range(min(10, len(refs))):
            ref = refs[order[(place + attempt) % len(refs)]]
            try:
                image = ref.decode(side)
            except (OSError, ImageError, MemoryError) as error:
                problems.append(f"{ref.name}: {error}")
                continue
            return _crop(image, side, crop, random, flip=self._flip), tuple(problems)
        raise InputError(f"ten pictures in a row cannot be decoded: {'; '.join(problems)}")


@lru_cache(maxsize=4)
def _order(seed: int, kind: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, kind, _ORDER, epoch)).permutation(count)


def _crop(image: Image.Image, side: int, crop: int, random: np.random.Generator, *, flip: bool) -> Tensor:
    # Cropping the source before resizing gives the same view as resizing first, at a fraction of the work.
    # Enlarged pictures are blurred, and what is learnt from them does not hold for sharp ones: not below the crop.
    window = max(crop, round(min(image.size) * crop / side))
    box = min(window, *image.size)
    left = int(random.integers(0, image.width - box, endpoint=True))
    top = int(random.integers(0, image.height - box, endpoint=True))
    view = transforms.resized_crop(
        image, top, left, box, box, [crop, crop], interpolation=transforms.InterpolationMode.BICUBIC
    )
    if flip and random.random() < 0.5:
        view = transforms.horizontal_flip(view)
    tensor: Tensor = transforms.pil_to_tensor(view)
    return tensor


class _Keys:
    """A batch sampler: the keys of each step, from `start` on."""

    def __init__(self, phases: tuple[Phase, ...], start: int) -> None:
        self._phases, self._start = phases, start

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for phase, first in schedule.steps(self._phases, self._start):
            yield [SampleKey(first + i, phase) for i in range(phase.batch)]

    def __len__(self) -> int:
        return schedule.total_iterations(self._phases) - self._start


def loader(
    dataset: PairDataset, phases: tuple[Phase, ...], *, start: int = 0, workers: int = 1, pinned: bool = False
) -> Iterator[Batch]:
    """Batches from step `start` to the end of the last phase, decoded in low-priority worker processes.

    `pinned`: in memory that a GPU reads by itself.
    """
    return iter(
        DataLoader(
            dataset,
            batch_sampler=_Keys(phases, start),
            num_workers=workers,
            collate_fn=_collate,
            worker_init_fn=_init_worker if workers else None,
            prefetch_factor=4 if workers else None,
            pin_memory=pinned,
        )
    )


def _collate(samples: list[tuple[Tensor, Tensor, tuple[str, ...]]]) -> Batch:
    content, style, problems = zip(*samples, strict=True)
    return Batch(torch.stack(content), torch.stack(style), tuple(line for lines in problems for line in lines))


def _init_worker(worker: int) -> None:
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the trainer ends its workers
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
