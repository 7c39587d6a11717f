"""`RandomStyle`: what it draws, what it changes and what it leaves alone, in one process and in several."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image

import adain
from adain.code_files import save_codes
from adain.errors import ImageError, InputError

torch = pytest.importorskip("torch", reason="transforms need the extra torch")
pytest.importorskip("torchvision", reason="transforms need the extra torch")

from torch.utils.data import DataLoader, Dataset  # noqa: E402  they need torch
from torchvision import tv_tensors  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

from adain.transforms import RandomStyle  # noqa: E402

PHOTO = torch.from_numpy(photo()).permute(2, 0, 1)  # (3, 36, 48)


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six paintings, some in a folder of their own."""
    folder = tmp_path_factory.mktemp("paintings")
    (folder / "more").mkdir()
    for seed in range(6):
        Image.fromarray(painting(seed=seed)).save(folder / ("more" if seed > 3 else "") / f"{seed}.png")
    return folder


@pytest.fixture
def always(paintings: Path) -> RandomStyle:
    return RandomStyle(paintings, p=1.0)


def seeded(transform: Callable[..., object], *inputs: object, seed: int = 0) -> object:
    torch.manual_seed(seed)
    return transform(*inputs)


def test_it_is_what_the_stylizer_makes(paintings: Path) -> None:
    transform = RandomStyle(paintings / "1.png", p=1.0, alpha=0.7)
    expected = np.array(adain.load(device="cpu")(photo(), paintings / "1.png", alpha=0.7))
    assert np.array_equal(np.asarray(transform(Image.fromarray(photo()))), expected)
    assert torch.equal(transform(PHOTO).permute(1, 2, 0), torch.from_numpy(expected))
    as_float = transform(PHOTO / 255).permute(1, 2, 0).numpy() * 255
    assert abs(as_float - expected).max() <= 0.501  # rounding


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (2,), (2, 1), (0,)])
def test_shape_dtype_and_range_stay(always: RandomStyle, dtype: torch.dtype, leading: tuple[int, ...]) -> None:
    picture = v2.functional.to_dtype(PHOTO, dtype, scale=True).expand(*leading, -1, -1, -1)
    before = picture.clone()
    stylized = seeded(always, picture)
    assert (stylized.shape, stylized.dtype) == (picture.shape, dtype)
    assert torch.equal(picture, before)
    if stylized.numel():
        assert not torch.equal(stylized, picture)
        assert 0 <= stylized.min() <= stylized.max() <= (255 if dtype == torch.uint8 else 1)


def test_a_batch_has_one_style(always: RandomStyle) -> None:
    first, second = seeded(always, torch.stack([PHOTO, PHOTO]))
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", [tv_tensors.Image, tv_tensors.Video])
def test_only_pictures_of_a_sample_change(always: RandomStyle, kind: type[torch.Tensor]) -> None:
    picture = kind(PHOTO[None] if kind is tv_tensors.Video else PHOTO)
    sample = {
        "picture": picture,
        "boxes": tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(36, 48)),
        "mask": tv_tensors.Mask(torch.ones(36, 48)),
        "embedding": torch.rand(5),
        "label": 3,
    }
    made = seeded(always, sample)
    assert type(made["picture"]) is kind
    assert not torch.equal(made["picture"], picture)
    assert all(made[name] is sample[name] for name in ("boxes", "mask", "embedding", "label"))
    assert always({"mask": sample["mask"]})["mask"] is sample["mask"]


def test_transparency_is_kept(always: RandomStyle) -> None:
    content = Image.fromarray(photo())
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    made = seeded(always, content)
    assert made.mode == "RGBA"
    assert np.array_equal(np.asarray(made)[..., 3], np.asarray(content)[..., 3])


def test_a_picture_is_not_turned_by_its_exif_data(always: RandomStyle) -> None:
    content = Image.fromarray(photo())
    content.getexif()[0x0112] = 6  # orientation: turned by 90 degrees
    assert seeded(always, content).size == content.size


def test_it_draws_from_torchs_random_numbers(paintings: Path) -> None:
    transform = RandomStyle(paintings, p=0.6, alpha=(0.2, 0.9))
    torch.manual_seed(3)
    drawn = [transform.make_params([]) for _ in range(300)]
    torch.manual_seed(3)
    assert drawn == [transform.make_params([]) for _ in range(300)]
    styled = [each for each in drawn if each["style"] is not None]
    assert 150 < len(styled) < 210  # 180 expected, standard deviation 8.5
    assert {each["style"] for each in styled} == set(range(6))
    alphas = [each["alpha"] for each in styled]
    assert 0.2 <= min(alphas) < 0.25
    assert 0.85 < max(alphas) <= 0.9


def test_nothing_is_loaded_and_nothing_changes_at_probability_0(
    paintings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adain.transforms.load", lambda *args, **kwargs: pytest.fail("loaded"))
    assert RandomStyle(paintings, p=0)(PHOTO) is PHOTO


def test_codes_are_styles(paintings: Path, tmp_path: Path) -> None:
    stylizer = adain.load(device="cpu")
    names = ("0", "1", "2")
    save_codes({name: stylizer.encode_style(paintings / f"{name}.png") for name in names}, tmp_path / "c.safetensors")
    pictures = RandomStyle([paintings / f"{name}.png" for name in names], p=1.0)
    for styles in (tmp_path / "c.safetensors", tmp_path):
        codes = RandomStyle(styles, p=1.0)
        for seed in range(3):
            assert torch.equal(seeded(codes, PHOTO, seed=seed), seeded(pictures, PHOTO, seed=seed))


def test_a_style_is_encoded_once_while_it_is_in_the_cache(paintings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transform = RandomStyle(paintings, p=1.0, cache=2)
    transform.transform(PHOTO, {"style": 0, "alpha": 1.0})
    encoded: list[int] = []
    encode = transform._styles.encode
    monkeypatch.setattr(transform._styles, "encode", lambda at, *rest: encoded.append(at) or encode(at, *rest))
    for style in (0, 1, 0, 1, 2, 1, 0):
        transform.transform(PHOTO, {"style": style, "alpha": 1.0})
    assert encoded == [1, 2, 0]


def test_it_pickles_small_and_works_alike(always: RandomStyle) -> None:
    expected = seeded(always, PHOTO)  # loads the model
    for copied in (pickle.loads(pickle.dumps(always)), copy.deepcopy(always)):
        assert torch.equal(seeded(copied, PHOTO), expected)
    assert len(pickle.dumps(always)) < 5000


class _Photos(Dataset):  # type: ignore[type-arg]
    def __init__(self, transform: RandomStyle) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(PHOTO), index


def epoch(transform: RandomStyle, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    loader = DataLoader(_Photos(transform), batch_size=2, num_workers=2, timeout=120)
    return torch.cat([pictures for pictures, _ in loader])


def test_workers_differ_and_repeat_themselves(always: RandomStyle) -> None:
    always(PHOTO)  # a model that was loaded before the workers were forked must not hang them
    first = epoch(always, 7)
    assert torch.equal(first, epoch(always, 7))
    assert not torch.equal(first, epoch(always, 8))
    assert len({picture.numpy().tobytes() for picture in first}) > 2
    assert not torch.equal(first[:2], first[2:4])  # batches 0 and 1 are of the two workers


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"p": 1.5}, r"p must be in \[0, 1\], got 1.5"),
        ({"p": float("nan")}, "got nan"),
        ({"p": "a"}, r"p must be in \[0, 1\], got 'a'"),
        ({"alpha": "a"}, r"alpha must be in \[0, 1\], got 'a'"),
        ({"alpha": (0.1, 0.2, 0.3)}, "or a range within it"),
        ({"alpha": (0.1, None)}, "got None"),
        ({"style_size": "a"}, "style_size must be a whole number of pixels"),
        ({"cache": -1}, "cache must be a whole number, at least 0, got -1"),
        ({"styles": 3}, "styles must be a list, got 3"),
        ({"styles": [3]}, "must be a path, got 3"),
        ({"alpha": 2}, "alpha must be in"),
        ({"alpha": (0.8, 0.2)}, r"got \(0.8, 0.2\)"),
        ({"model": "adian-slim"}, "did you mean adain-slim"),
        ({"styles": "nowhere"}, "no such file or folder: nowhere"),
        ({"styles": []}, "at least one"),
    ],
)
def test_a_wrong_argument_is_an_error(paintings: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RandomStyle(**{"styles": paintings, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (PHOTO[:1], "v2.RGB"),
        (PHOTO[0], "v2.RGB"),
        (PHOTO[:, :0], "v2.RGB"),
        (PHOTO.int(), "got torch.int32"),
        (PHOTO.float(), "got 55 to 255; .* divide by 255"),
        (PHOTO / 127.5 - 1, "before v2.Normalize"),
        (torch.full((3, 8, 8), torch.nan), "before v2.Normalize"),
        (Image.new("L", (8, 8)), "got L"),
    ],
)
def test_a_wrong_picture_is_an_error_whatever_is_drawn(paintings: Path, picture: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        RandomStyle(paintings, p=0)(picture)


def test_codes_of_another_model_are_an_error(tmp_path: Path) -> None:
    adain.StyleCode("wct-vgg19", {"x": np.zeros(3, np.float32)}).save(tmp_path / "c.safetensors")
    with pytest.raises(InputError, match='give model="wct-vgg19"'):
        RandomStyle(tmp_path)


def test_a_style_that_cannot_be_read_is_an_error_not_a_picture_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        RandomStyle(tmp_path, p=1.0)(PHOTO)


def test_a_process_takes_as_many_threads_as_torch_has(paintings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    load = adain.load
    monkeypatch.setattr(
        "adain.transforms.load", lambda *args, **options: asked.update(options) or load(*args, **options)
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    RandomStyle(paintings, p=1.0)(PHOTO)
    assert asked["threads"] == 3


def test_less_than_one_thread_is_an_error() -> None:
    with pytest.raises(InputError, match="threads must be a whole number, at least 1"):
        adain.load(device="cpu", backend="onnx", threads=0)
