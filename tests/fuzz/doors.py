"""The doors that are fuzzed: what reads a file of the user, seeds for it, and what a right result is."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import mutations
import numpy as np
from PIL import Image
from rare_pictures import rare
from safetensors.numpy import save

from adain import images, masking, model_files, trained
from adain.code import StyleCode
from adain.code_files import CodeFile, save_codes
from adain.errors import AdainError
from adain.images import iptc
from adain.images.formats import FORMATS
from adain.runtimes.contract import GraphInfo
from adain.weights import places

__all__ = ["Door", "doors"]

Seeds = list[bytes]
SIZE = (13, 9)  # of the pictures, in pixels


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        name: its name in the report.
        seeds: right files.
        mutate: makes a case from a seed, another seed and a random generator.
        enter: reads the file at a path. Raises an `AdainError`, or an `AssertionError` if the result is not right.
        suffix: the suffix of the path.
    """

    name: str
    seeds: Seeds
    mutate: Callable[[bytes, bytes, random.Random], bytes]
    enter: Callable[[Path], None]
    suffix: str = ""


def doors(folder: Path) -> Iterator[Door]:
    """Yield all doors that the installed extras have. Their seeds are made in the folder."""
    for row in FORMATS:
        if row.reads and (seeds := [*rare(row.pillow), *_pictures(row.pillow)]):
            mutate = _png if row.pillow == "PNG" else mutations.mutated
            yield Door(f"picture {row.name}", seeds, mutate, _read_picture)
    yield Door("mask", _masks(), _png, _read_mask)
    yield Door("label map", _masks(), _png, _read_labels)
    yield Door("style code", [_code(folder)], _safetensors, _read_code, ".safetensors")
    yield Door("style codes", [_codes(folder)], _safetensors, _read_codes, ".safetensors")
    shipped = next(place for place in places._SHIPPED if place.is_dir())
    yield Door("trained model", [_model()], _safetensors, _read_model, ".safetensors")
    yield from _graphs(shipped, folder)
    if find_spec("torchvision") is not None:
        yield from _of_torch(folder)


def _png(data: bytes, other: bytes, rng: random.Random) -> bytes:
    whole = data.startswith(b"\x89PNG") and rng.random() < 0.6
    return mutations.png(data, rng) if whole else mutations.mutated(data, other, rng)


def _safetensors(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return mutations.safetensors(data, rng) if rng.random() < 0.7 else mutations.mutated(data, other, rng)


def _toml(data: bytes, other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        data = mutations.toml(data, rng) if rng.random() < 0.9 else mutations.mutated(data, other, rng)
    return data


# Pictures


def _pictures(pillow: str) -> Iterator[bytes]:
    """Make pictures of a format, in every mode that Pillow writes."""
    rng = np.random.default_rng(0)
    rgba = Image.fromarray(rng.integers(0, 256, (SIZE[1], SIZE[0], 4), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (SIZE[1], SIZE[0]), dtype=np.uint16))
    palette = rgba.convert("RGB").quantize(7)
    modes = [rgba.convert(mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")]
    options: list[dict[str, object]] = [{}, {"progressive": True}, {"lossless": True}, {"compression": "tiff_lzw"}]
    options += [
        {"compression": "jpeg"},
        {"bits": 2},
        {"transparency": 1},
        {"exif": _exif()},
        {"icc_profile": _profile()},
        {"extra": iptc.jpeg_segment(_IPTC)},
        {"tiffinfo": {iptc.TIFF_TAG: _IPTC}},
    ]
    options += [{"save_all": True, "append_images": [rgba.convert("RGB")]}]
    made = set()
    for image in (*modes, palette, deep):
        for more in options:
            data = io.BytesIO()
            try:
                image.save(data, format=pillow, **more)
            except (OSError, ValueError, KeyError, TypeError, SystemError, RuntimeError):  # no such mode or option
                continue
            made.add(data.getvalue())
    yield from sorted(made)


_IPTC = b"\x1c\x02\x78\x00\x05hello\x1c\x02\xca\x00\x07preview"


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation
    return exif.tobytes()


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _read_picture(path: Path) -> None:
    picture = images.read(path)
    height, width = picture.rgb.shape[:2]
    assert picture.rgb.dtype == np.uint8, picture.rgb.dtype
    assert picture.rgb.shape == (height, width, 3), picture.rgb.shape
    assert min(width, height) >= 1, (width, height)
    assert picture.alpha is None or picture.alpha.shape == (height, width), picture.alpha.shape
    _write_again(picture)


def _write_again(picture: images.Picture) -> None:
    """A result with the picture's pixels and metadata can be written and read."""
    data = io.BytesIO()
    images.write(picture.to_pil(), data, "tiff" if picture.size[0] % 2 else "png")
    again = images.read(data.getvalue(), keep_hidden=True)
    assert np.array_equal(again.rgb, picture.rgb), "other pixels"
    assert again.metadata.exif[6:] or not picture.metadata.exif, "no EXIF data"
    assert again.metadata.iptc == picture.metadata.iptc or not picture.size[0] % 2, "other IPTC data"


def _masks() -> Seeds:
    """Make masks of three values: grey, of a palette, with 16 bits, and in colours with an alpha channel."""
    levels = Image.fromarray((np.indices((SIZE[1], SIZE[0])).sum(axis=0) % 3 * 127).astype(np.uint8))
    deep = Image.fromarray(np.asarray(levels).astype(np.uint16) * 257)
    images = [levels, levels.quantize(3), deep, levels.convert("RGBA"), levels.convert("LA")]
    seeds = []
    for image in images:
        for pillow in ("PNG", "TIFF"):
            data = io.BytesIO()
            image.save(data, format=pillow)
            seeds.append(data.getvalue())
    return seeds


def _read_mask(path: Path) -> None:
    mask = masking.read([path], SIZE)
    assert mask.shape == (1, SIZE[1], SIZE[0]), mask.shape
    assert mask.dtype == np.float32, mask.dtype
    assert 0 <= mask.min() <= mask.max() <= 1, (mask.min(), mask.max())


def _read_labels(path: Path) -> None:
    masks = masking.label_masks(path)
    assert np.sum(list(masks.values()), axis=0).min() == 1, "a pixel has no label, or two"


# Styles and models


def _a_code(seed: int) -> StyleCode:
    rng = np.random.default_rng(seed)
    arrays = {name: rng.random(count, np.float32) for name, count in [("mean", 3), ("std", 3)]}
    return StyleCode("adain-slim", arrays, digest="0" * 64)


def _code(folder: Path) -> bytes:
    _a_code(0).save(folder / "seed")
    return (folder / "seed").read_bytes()


def _codes(folder: Path) -> bytes:
    save_codes({"a": _a_code(0), "b": _a_code(1)}, folder / "seed")
    return (folder / "seed").read_bytes()


def _read_code(path: Path) -> None:
    _check_code(StyleCode.load(path))


def _read_codes(path: Path) -> None:
    for code in CodeFile(path):
        _check_code(code)


def _check_code(code: StyleCode) -> None:
    assert isinstance(code.model, str), code.model
    for array in code.arrays.values():
        assert array.dtype == np.float32, array.dtype
        assert np.isfinite(array).all()


def _model() -> bytes:
    """A model file with the metadata of a real one, and few tensors."""
    return save({"encoder.weight": np.zeros(3, np.float32)}, metadata=trained.describe("adain-slim", {"hidden": 8}))


def _read_model(path: Path) -> None:
    row = trained.read(path)
    assert row.name, row
    assert all(count > 0 for count in row.architecture.widths), row.architecture  # type: ignore[union-attr]


# Graphs


def _graphs(shipped: Path, folder: Path) -> Iterator[Door]:
    from adain.runtimes.ort_session import read_info

    place = folder / "graphs"
    place.mkdir()
    shutil.copy(shipped / "adain-slim.safetensors", place)
    name = "adain-slim.encode_content.onnx"
    content = (shipped / name).read_bytes()

    def read_graph(path: Path) -> None:
        shutil.copy(path, place / name)
        assert model_files.resolve(place / name).model.name

    yield Door("graph", [content], _graph, read_graph)
    info = read_info(shipped / name).to_metadata()
    yield Door("graph metadata", [mutations.dumped(info)], _metadata, _read_metadata)


def _graph(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Change the metadata, which are the end of the file, or any part."""
    at = data.find(b"adain.") - 10
    return (
        data[:at] + mutations.mutated(data[at:], other, rng)
        if rng.random() < 0.7
        else mutations.mutated(data, other, rng)
    )


def _metadata(data: bytes, other: bytes, rng: random.Random) -> bytes:
    values = mutations.loaded(data)
    name = rng.choice(list(values))
    if rng.random() < 0.1:
        del values[name]
    else:
        values[name] = mutations.json_text(values[name], rng)
    return mutations.dumped(values)


def _read_metadata(path: Path) -> None:
    info = GraphInfo.from_metadata(mutations.loaded(path.read_bytes()), "the graph")
    assert info.code_size > 0, info.code_size
    assert np.isfinite([info.default_alpha, info.default_strokes]).all(), info
    assert model_files._row(info, path, "net").fusion in ("adain", "wct")


# Training


def _of_torch(folder: Path) -> Iterator[Door]:
    import torch

    from adain.nn import checkpoints
    from adain.nn.vgg import Encoder
    from adain.training import data, recipe, schedule

    network = Encoder((4, 6), 2)
    state = {
        key: network.state_dict()[slot.parameter]
        for key, slot in checkpoints.slots(network, "index").items()
        if slot.parameter
    }

    def saved(content: object, *, zipped: bool) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=zipped)
        return stream.getvalue()

    def read_weights(path: Path) -> None:
        checkpoints.load_into(network, path, "index")
        assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())

    weights = [saved(content, zipped=zipped) for content in (state, {"model": state}) for zipped in (True, False)]
    yield Door("weights .pth", weights, mutations.mutated, read_weights, ".pth")

    def read_recipe(path: Path) -> None:
        found = recipe.read(path)
        assert schedule.total_iterations(found.phases) >= 1

    recipes = Path(recipe.__file__).parent / "recipes"
    texts = [path.read_bytes() for path in sorted(recipes.glob("*.toml"))]
    yield Door("recipe", texts, _toml, read_recipe, ".toml")

    def read_tar(path: Path) -> None:
        pictures = data.open_pictures([path])
        for ref in pictures.refs:
            with contextlib.suppress(OSError, AdainError):  # the training replaces such a picture
                assert ref.decode(16).mode == "RGB"

    yield Door("tar of pictures", [_tar()], mutations.mutated, read_tar)


def _tar() -> bytes:
    stream = io.BytesIO()
    rng = np.random.default_rng(0)
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("a.jpg", "b.png"):
            picture = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(picture, Image.EXTENSION[name[1:]])
            member = tarfile.TarInfo(name)
            member.size = picture.tell()
            picture.seek(0)
            tar.addfile(member, picture)
    return stream.getvalue()
