"""What may befall a run: a full disk, damaged pictures, damaged checkpoints."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the torch extra")
pytest.importorskip("torchvision", reason="training needs the torch extra")

from PIL import Image  # noqa: E402
from test_training_trainer import folder, recipe_of, trainer_of  # noqa: E402, F401

from adain.errors import AdainError, ImageError, InputError, OutputError  # noqa: E402
from adain.training import checkpoint, data  # noqa: E402
from adain.training.report import Metrics  # noqa: E402

# A full disk


def full_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, `count` files can be written; the next ones get half of their bytes."""
    write, left = Path.write_bytes, [count]

    def half(self: Path, content: bytes) -> int:
        left[0] -= 1
        if left[0] >= 0:
            return write(self, content)
        write(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)


@pytest.mark.parametrize("count", range(2, 11))  # the first checkpoint and its weights can be written
def test_a_full_disk_says_so_and_leaves_the_last_checkpoint_whole(folder, count, monkeypatch):  # noqa: F811
    recipe = recipe_of(run={**vars(recipe_of().run), "sample_every": 2, "sample_content": (), "sample_style": ()})
    with monkeypatch.context() as patched:
        full_after(count, patched)
        with pytest.raises(OutputError, match=r"cannot write .*: No space left on device"):
            trainer_of(folder, "run", recipe).run()
    assert not list((folder / "run").rglob("*.tmp"))
    last = checkpoint.latest(folder / "run" / "checkpoints")
    assert last is not None
    assert checkpoint.load(last)["step"] == int(last.stem[-8:]) >= 1
    resumed = trainer_of(folder, "run", recipe)
    assert resumed.resume()
    assert resumed.run().weights is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_metrics_on_a_full_disk_say_so(tmp_path):
    metrics = Metrics(tmp_path / "metrics.jsonl", resume_at=0)
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        metrics.write({"step": 1})


def test_a_folder_that_cannot_be_made_is_a_sentence(folder):  # noqa: F811
    (folder / "run").write_text("a file")
    with pytest.raises(OutputError, match="cannot make the folder"):
        trainer_of(folder, "run").run()


# Damaged pictures


@functools.cache
def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


PNG = picture("PNG")
BROKEN = {
    "chunk.png": PNG.replace(b"IEND", b"\0\xff\1\2"),  # SyntaxError: broken PNG file
    "middle.png": PNG[:-12] + b"\0\0\0\4\x80\x81\x82\x83abcd",
    "cut.png": PNG[: len(PNG) // 2],
    "text.png": PNG[:33] + chunk(b"zTXt", b"a\0\1" + zlib.compress(b"x")) + PNG[33:],
    "empty.png": PNG[:33] + chunk(b"IEND", b""),
    "size.png": PNG[:16] + struct.pack(">II", 1 << 16, 1 << 16) + PNG[24:],
    "cut.jpg": picture("JPEG")[:700],
    "scan.jpg": picture("JPEG").replace(b"\xff\xda", b"\xff\xd9"),
    "cut.gif": picture("GIF")[:850],
    "block.gif": picture("GIF")[:800] + b"\x21\xf9\x01" + picture("GIF")[800:],
    "cut.tif": picture("TIFF")[:500],
    "tags.tif": picture("TIFF")[:-40] + bytes(40),
    "cut.webp": picture("WEBP")[:-50],
    "cut.bmp": picture("BMP")[:60],
}


def test_damaged_pictures_are_replaced_and_named_and_the_run_goes_on(folder):  # noqa: F811
    for name, content in BROKEN.items():
        (folder / "content" / name).write_bytes(content)
        (folder / "style" / name).write_bytes(content)
    trainer, replaced = trainer_of(folder, "run"), list[str]()
    assert trainer.run(on_problem=replaced.append).weights is not None
    assert list((folder / "run" / "samples").iterdir())
    at_once = [line.split(":")[0] for line in trainer.datasets.content.problems]
    assert {name.split(":")[0] for name in replaced} <= set(BROKEN)
    assert at_once


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_picture_with_random_damage_is_read_or_refused(kind, tmp_path):
    rng, path = np.random.default_rng(len(kind)), tmp_path / f"damaged.{kind.lower()}"
    for _ in range(40):
        content = bytearray(picture(kind))
        for at in rng.integers(0, len(content), 8):
            content[at] = rng.integers(256)
        path.write_bytes(content[: rng.choice([len(content), rng.integers(60, len(content))])])
        with contextlib.suppress(OSError, ImageError):  # what the dataset replaces
            data.PictureRef(path.name, path, 0, path.stat().st_size).decode(32)
        with contextlib.suppress(InputError):
            data.open_pictures([path])


# Damaged checkpoints


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_checkpoint_is_a_sentence(folder, seed):  # noqa: F811
    trainer_of(folder, "run").run()
    path, rng = checkpoint.latest(folder / "run" / "checkpoints"), np.random.default_rng(seed)
    assert path is not None
    whole = path.read_bytes()
    for _ in range(25):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 3):
            content[at] = rng.integers(256)
        path.write_bytes(content[: rng.choice([len(content), rng.integers(len(content))])])
        try:
            trainer_of(folder, "run").resume()
        except AdainError as error:
            said = str(error)
            assert len(said) < 600


def test_another_file_is_no_checkpoint(folder):  # noqa: F811
    trainer_of(folder, "run").run()
    path = checkpoint.latest(folder / "run" / "checkpoints")
    assert path is not None
    for state in ({}, {"recipe": "{}"}, {"recipe": "[" * 20_000}, [1, 2]):
        torch.save(state, path)
        with pytest.raises(AdainError, match=r"checkpoint|recipe"):
            trainer_of(folder, "run").resume()
