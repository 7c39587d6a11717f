"""The stroke measures of the quality report, with small networks, and the report itself."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="quality is measured with torch (extra `torch`)")

from pictures import painting, photo  # noqa: E402

from adain import metrics_strokes  # noqa: E402
from adain.nn.vgg import Encoder  # noqa: E402
from adain.training.loss_network import LossNetwork  # noqa: E402

LAYERS = tuple(f"relu{k}_1" for k in range(1, 6))
STROKES = {"contrast", "fill", "patches", "patches_unseen", "shapes", "halo", "bareness"}


@pytest.fixture
def jury(benchmarks: Path):
    import jury as module
    from judge import Judge

    torch.manual_seed(0)
    network = LossNetwork([(Encoder((4, 4, 8, 8, 8), 5), LAYERS)])
    heads = {layer: torch.nn.Conv2d(8, 16, 1) for layer in LAYERS[3:]}
    judge = Judge(network, heads)
    return module.Jury(judge, module.StrokeJudge(judge.network, lambda picture: [picture, -picture]))


@pytest.fixture
def report(benchmarks: Path) -> ModuleType:
    import report as module

    return module


def test_the_style_itself_has_the_styles_paint(jury):
    style = jury.look(painting(160, 160))
    found = jury.compare(style, jury.look(photo(160, 160)), style)
    assert {found[name] for name in ("contrast", "patches", "patches_unseen", "shapes")} == {0.0}


def test_the_content_itself_has_no_halo_and_not_the_styles_patches(jury):
    content = jury.look(photo(160, 160))
    found = jury.compare(content, content, jury.look(painting(160, 160)))
    assert found["halo"] == 0
    assert found["patches"] > 0.05


def test_patches_are_means_over_scales_and_layers_by_the_definition(jury):
    rgb, other = photo(160, 160), painting(160, 160)
    looks, style = jury.look(rgb), jury.look(other)
    found = jury.compare(looks, looks, style)
    by_layer = []
    for scale in (1, 2, 4):
        seen = []
        for picture in (rgb, other):
            image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
            seen.append(jury.judge.network(torch.nn.functional.avg_pool2d(image, scale), ("relu2_1", "relu3_1")))
        for layer in ("relu2_1", "relu3_1"):
            a, b = seen[0][layer], seen[1][layer]
            by_layer.append(metrics_strokes.sliced_distance(a, b, metrics_strokes.slices(a.shape[1])).item())
    assert found["patches"] == pytest.approx(np.mean(by_layer), rel=1e-4)
    assert found["shapes"] == pytest.approx(np.mean(by_layer[-2:]), rel=1e-4)


def test_an_original_is_looked_at_once(jury):
    from exhibits import Exhibit

    exhibit = Exhibit("photo", photo(160, 160), "digest")
    assert jury.original(exhibit) is jury.original(exhibit)
    assert jury.original(exhibit) is not jury.original(Exhibit("painting", painting(160, 160), "other"))


def test_sides_need_not_be_multiples_of_four(jury):
    content = jury.look(photo(161, 163))
    found = jury.compare(content, content, jury.look(painting(150, 170)))
    assert set(found) > STROKES
    assert all(np.isfinite(value) for value in found.values())


def test_every_number_but_the_layers_has_a_row_of_the_report(jury, report):
    content = jury.look(photo(160, 160))
    found = jury.compare(content, content, content)
    assert {name for name in found if not name.endswith("_1")} == set(report.HEADINGS)


def test_the_table_has_a_column_per_candidate_and_keeps_signs(report):
    def section(name, fill):
        measured = dict.fromkeys(report.HEADINGS, 0.5) | {"fill": fill, "halo": -0.0001}
        pair = SimpleNamespace(content=SimpleNamespace(name="c"), style=SimpleNamespace(name="s"))
        return report.Section(
            name, "w", 1.0, [report.Result(pair, 1.0, measured)], [report.Result(pair, 1.0, measured)], []
        )

    text = report.markdown([section("ours", -0.25), section("theirs", -1.5)], {"pairs": 1, "size": 512})
    assert "| | ours | theirs |" in text.replace("|  |", "| |")
    assert "| fill | -0.250 | -1.500 |" in text
    assert "| halo | 0.000 | 0.000 |" in text
