"""Files, folders and patterns to pictures, and what the results of them are called."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath

import pytest

from adain.errors import InputError
from adain.images.formats import WRITABLE
from adain.jobs.naming import FIELDS, Template, default_template
from adain.jobs.plan import check_apart, looks, plan, unmade
from adain.jobs.sources import Source, find
from adain.jobs.unique import distinct

SUFFIXES = [".jpg", ".png"]
VALUES = {"content": "a/b", "style": "s", "alpha": "0.5", "model": "m", "folder": "a", "suffix": "jpg"}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `photos`, beside the working folder's other files."""
    monkeypatch.chdir(tmp_path)
    files = ["b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/c.jpg", "deep/er/d.jpg", ".cache/e.jpg"]
    for name in files:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "single").write_bytes(b"")
    return tmp_path


def names(*inputs: str) -> list[str]:
    return [source.name for source in find(inputs, SUFFIXES).sources]


def test_a_folder_stands_for_all_pictures_in_it_and_below_and_says_what_it_left_out(tree: Path) -> None:
    found = find(["photos"], SUFFIXES)
    assert [source.name for source in found.sources] == ["a", "b", "deep/c", "deep/er/d"]
    assert found.sources[0].path == Path("photos/a.PNG")
    assert found.ignored == 2  # the text and the hidden picture


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", ["b"]),
        ("photos/[ab].*", ["a", "b"]),
        ("photos/**/*.jpg", ["b", "deep/c", "deep/er/d"]),
        ("photos/deep/?.jpg", ["c"]),
        ("*/deep", ["photos/deep/c", "photos/deep/er/d"]),
        ("photos/**", ["a", "b", "deep/c", "deep/er/d"]),
    ],
)
def test_a_pattern_stands_for_what_it_matches(tree: Path, pattern: str, expected: list[str]) -> None:
    assert names(pattern) == expected


def test_a_file_may_have_any_name_and_a_pattern_that_is_a_files_name_is_that_file(tree: Path) -> None:
    (tree / "[1].jpg").write_bytes(b"")
    assert names("single", "[1].jpg") == ["single", "[1]"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("trip[2020]/*.jpg", ["a", "b"]),
        ("trip[2020]/day *?/*.jpg", ["day 1/c"]),
        ("trip[2020]/[da]*.jpg", ["a"]),
        ("trip[2]/*.jpg", ["d"]),
        ("./trip[2020]/**/*.jpg", ["a", "b", "day 1/c"]),
    ],
)
def test_leading_folders_that_exist_are_literal(tree: Path, pattern: str, expected: list[str]) -> None:
    for name in ["trip[2020]/a.jpg", "trip[2020]/b.jpg", "trip[2020]/day 1/c.jpg", "trip2/d.jpg"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    assert [name.removeprefix("trip2/") for name in names(pattern)] == expected


@pytest.mark.parametrize("pattern", ["photos/*/../*.jpg", "photos/*/../../photos/b.*", "photos/deep/../../*/b.jpg"])
def test_a_pattern_that_leads_up_gives_names_that_do_not(tree: Path, pattern: str) -> None:
    found = names(pattern)
    assert found
    assert not any(".." in name for name in found)


def test_each_file_is_taken_once_however_often_it_is_named(tree: Path) -> None:
    assert names("photos/b.jpg", "photos", "photos/*.jpg", "photos/b.jpg") == ["b", "a", "deep/c", "deep/er/d"]


def test_links_to_folders_are_followed_and_a_loop_ends(tree: Path) -> None:
    os.symlink(tree / "photos", tree / "photos" / "deep" / "loop")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "x.jpg").write_bytes(b"")
    os.symlink(tree / "elsewhere", tree / "photos" / "linked")
    assert names("photos") == ["a", "b", "deep/c", "deep/er/d", "linked/x"]


@pytest.mark.parametrize("named", ["photos", "photos/*"])
def test_a_link_to_nothing_is_a_picture_that_will_fail_and_no_folder(tree: Path, named: str) -> None:
    os.symlink(tree / "gone", tree / "photos" / "a.jpg")
    found = find([named], SUFFIXES)
    assert Path("photos/a.jpg") in [source.path for source in found.sources]
    assert not found.closed


def test_a_folder_that_may_not_be_read_is_told_of_and_the_rest_is_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) == "er":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find(["photos"], SUFFIXES)
    assert [source.name for source in found.sources] == ["a", "b", "deep/c"]
    assert found.closed == ((Path("photos/deep/er"), "the folder cannot be read: Permission denied"),)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["nowhere"], "no such file or folder: nowhere"),
        (["photos", "nowhere/*.jpg"], r"nowhere/\*\.jpg matches no pictures"),
        (["empty"], "empty holds no pictures; their names must end in one of .jpg, .png"),
        (["texts"], r"texts holds no pictures \(1 other files are there\)"),
    ],
)
def test_an_input_that_stands_for_nothing_is_an_error(tree: Path, inputs: list[str], said: str) -> None:
    (tree / "empty").mkdir()
    (tree / "texts").mkdir()
    (tree / "texts" / "a.txt").write_bytes(b"")
    with pytest.raises(InputError, match=said):
        find(inputs, SUFFIXES)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{content}_{style}", "a/b_s.jpg"),
        ("{style}/{content}.webp", "s/a/b.webp"),
        ("{folder}-{model}-{suffix}_{alpha}", "a-m-jpg_0.5.jpg"),
        ("{{{content}}}", "{a/b}.jpg"),
        (default_template(2, compare=True), "a/b_s_0.5_compare.jpg"),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    assert Template(template).fill(VALUES) == expected


def test_every_suffix_that_can_be_written_is_kept() -> None:
    for suffix in WRITABLE:
        assert Template("{content}").fill({**VALUES, "suffix": suffix[1:]}) == f"a/b{suffix}"
        assert Template("{content}").fill({**VALUES, "suffix": suffix[1:].upper()}) == f"a/b{suffix.upper()}"


def test_a_content_that_cannot_be_written_in_its_format_becomes_a_png() -> None:
    assert Template("{content}").fill({**VALUES, "suffix": "mpo"}) == "a/b.png"
    assert Template("{content}").fill({**VALUES, "suffix": ""}) == "a/b.png"


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("{suffix}/elsewhere/x_{content}", {"suffix": ""}),
        ("{folder}/x", {"folder": ""}),
        ("{content}/x", {"content": ".."}),
        ("x/{style}/../{content}", {}),
        ("x/{style}/y", {"style": ".."}),
        ("{content}", {"content": "a/../../b"}),
        ("{content}", {"content": "/etc/a"}),
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(template: str, values: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"output folder"):
        Template(template).fill({**VALUES, **values})


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{contnet}", "unknown field {contnet}; allowed: " + ", ".join(f"{{{field}}}" for field in FIELDS)),
        ("{content.__class__}", "unknown field"),
        ("{}", "unknown field"),
        ("{alpha:.2f}", "unknown field"),
        ("{content", "cannot be understood"),
        ("{content}.xyz", "must end in one of .jpg"),
        ("", "file in the output folder"),
        ("../{content}", "file in the output folder"),
        ("/{content}", "file in the output folder"),
        ("{style}/", "file in the output folder"),
    ],
)
def test_a_template_that_means_nothing_is_an_error(template: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        Template(template)
    assert said in str(caught.value)


@pytest.mark.parametrize("template", ["C:{content}", "C:/{content}", "\\\\host\\share\\{content}", "..\\{content}"])
def test_on_windows_too_results_stay_in_their_folder(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.jobs.naming.PurePath", PureWindowsPath)
    with pytest.raises(InputError, match="file in the output folder"):
        Template(template)


def sources(*paths: str) -> list[Source]:
    return [Source(Path(path), Path(path).stem) for path in paths]


def targets(contents: Sequence[Source], styles: Sequence[Source], alphas: Sequence[float], name: str) -> list[str]:
    tasks = plan(contents, looks(styles, mixed=False), alphas, Template(name), Path("out"), "m")
    return [result.target.as_posix() for task in tasks for result in task.results]


def test_a_plan_has_every_combination() -> None:
    made = targets(sources("a.jpg", "b.png"), sources("s.jpg", "t.jpg"), [0.5, 1], "{content}_{style}_{alpha}")
    assert sorted(made) == sorted(
        f"out/{content}_{style}_{alpha}.{suffix}"
        for content, suffix in [("a", "jpg"), ("b", "png")]
        for style in "st"
        for alpha in ["0.5", "1"]
    )


def test_styles_of_folders_keep_their_folders_in_one_word() -> None:
    assert targets(sources("a.jpg"), [Source(Path("x/y.jpg"), "x/y")], [1], "{content}_{style}") == ["out/a_x-y.jpg"]


def test_mixed_styles_are_one_look() -> None:
    (look,) = looks(sources("s.jpg", "t.jpg"), mixed=True)
    assert look.name == "s+t"


@pytest.mark.parametrize(
    ("contents", "styles", "alphas", "name"),
    [
        (["x/a.jpg", "y/a.jpg"], ["s.jpg"], [1], "{style}"),
        (["a.jpg"], ["s.jpg", "s.png"], [1], "{content}"),
        (["a.jpg"], ["s.jpg"], [0.5, 1], "{content}_{style}"),
        (["a.jpg", "b.jpg"], ["s.jpg"], [1], "{style}.png"),
    ],
)
def test_two_results_of_one_name_are_refused(
    contents: list[str], styles: list[str], alphas: list[float], name: str
) -> None:
    with pytest.raises(InputError, match=r"makes out/.* of .* and of .*add fields until names differ"):
        targets(sources(*contents), sources(*styles), alphas, name)


@pytest.mark.parametrize(
    ("contents", "styles", "expected"),
    [
        (["a.mpo", "a.png", "b.png"], ["s.jpg"], ["a-mpo_s.png", "a-png_s.png", "b_s.png"]),
        (["a.jpg", "a.png"], ["s.jpg"], ["a_s.jpg", "a_s.png"]),  # nothing to tell apart
        (["x/a.jpg", "y/a.jpg"], ["s.jpg"], ["x/a_s.jpg", "y/a_s.jpg"]),
        (["x/D/a.jpg", "y/D/a.jpg"], ["s.jpg"], ["x/D/a_s.jpg", "y/D/a_s.jpg"]),
        (["x/a.mpo", "x/a.png", "y/a.png"], ["s.jpg"], ["x/a-mpo_s.png", "x/a-png_s.png", "y/a-png_s.png"]),
        (["a.jpg"], ["s.jpg", "s.png"], ["a_s-jpg.jpg", "a_s-png.jpg"]),
        (["a.jpg"], ["x/D/s.jpg", "y/D/s.jpg"], ["a_x-D-s.jpg", "a_y-D-s.jpg"]),
        (["x/a.jpg", "y/a.jpg"], ["s.jpg", "s.png"], [f"{c}/a_s-{s}.jpg" for c in "xy" for s in ("jpg", "png")]),
        (["a_b.jpg", "a.jpg"], ["c.jpg", "b_c.jpg"], [f"{c}-jpg_{s}.jpg" for c in ("a_b", "a") for s in ("c", "b_c")]),
    ],
)
def test_inputs_of_one_name_get_longer_names(contents: list[str], styles: list[str], expected: list[str]) -> None:
    made = targets(sources(*contents), sources(*styles), [1], "{content}_{style}")
    assert sorted(made) == sorted(f"out/{name}" for name in expected)


def test_folders_of_one_name_get_longer_names(tree: Path) -> None:
    for name in ["c1/DCIM/I.jpg", "c2/DCIM/I.jpg", "c2/other/J.jpg"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    found = find(["c1", "c2"], SUFFIXES).sources
    made = targets(found, sources("s.jpg"), [1], "{content}_{style}")
    assert made == ["out/c1/DCIM/I_s.jpg", "out/c2/DCIM/I_s.jpg", "out/other/J_s.jpg"]


@pytest.mark.parametrize(
    ("contents", "styles"),
    [
        (sources("c.jpg"), [Source(Path("r/a/b.jpg"), "a/b"), Source(Path("r/a-b.jpg"), "a-b")]),
        (sources("a.mpo", "a.png", "a-png.png"), sources("s.jpg")),
    ],
)
def test_names_that_no_suffix_or_folder_tells_apart_get_a_hash(contents: list[Source], styles: list[Source]) -> None:
    made = targets(contents, styles, [1], "{content}_{style}")
    assert len(set(made)) == len(contents) * len(styles)
    assert made == targets(contents, styles, [1], "{content}_{style}")


def test_distinct_names() -> None:
    named = distinct(sources("wave.jpg", "sea.png", "wave.png"))
    assert [source.name for source in named] == ["wave-jpg", "sea", "wave-png"]


def test_contents_of_equal_names_can_be_told_apart_by_their_folders() -> None:
    made = targets(sources("x/a.jpg", "y/a.jpg"), sources("s.jpg"), [1], "{folder}/{content}_{style}")
    assert made == ["out/x/a_s.jpg", "out/y/a_s.jpg"]


@pytest.mark.parametrize(
    ("given", "output", "name"),
    [
        ("photos", "photos", "{content}_{style}"),
        ("photos", "photos/new", "{content}_{style}"),
        ("photos", ".", "photos/{content}_{style}"),
        ("photos/*.jpg", "photos", "{content}_{style}"),
        ("photos/**/*.jpg", "photos/new", "{content}_{style}"),
    ],
)
def test_results_that_would_be_the_next_runs_inputs_are_refused(tree: Path, given: str, output: str, name: str) -> None:
    found = find([given], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template(name), Path(output), "m")
    with pytest.raises(InputError, match=r"searched for inputs.*choose an output folder elsewhere"):
        check_apart(tasks, [found], Path(output))


def test_an_input_is_never_replaced(tree: Path) -> None:
    found = find(["photos/b.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template("{content}"), Path("photos"), "m")
    with pytest.raises(InputError, match="is an input and would be replaced"):
        check_apart(tasks, [found], Path("photos"))


def test_a_folder_beside_the_one_that_a_pattern_searches_is_free(tree: Path) -> None:
    found = find(["photos/*.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template("{content}"), Path("photos/n"), "m")
    check_apart(tasks, [found], Path("photos/n"))


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_a_link_to_an_input_is_not_replaced(tree: Path, link: Callable[[Path, Path], None]) -> None:
    (tree / "out").mkdir()
    link(tree / "photos" / "b.jpg", tree / "out" / "b.jpg")
    found = find(["photos/b.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template("{content}"), Path("out"), "m")
    with pytest.raises(InputError, match=r"is an input and would be replaced|outside the output folder"):
        check_apart(tasks, [found], Path("out"))


def test_a_mask_is_not_replaced(tree: Path) -> None:
    found = find(["photos/b.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template("single"), Path(), "m")
    (tree / "single").rename(tree / "single.jpg")
    with pytest.raises(InputError, match="is an input and would be replaced"):
        check_apart(tasks, [found], Path(), [tree / "single.jpg"])


@pytest.mark.parametrize("name", ["sub/{content}", "{content}"])
def test_a_link_out_of_the_output_folder_is_refused(tree: Path, name: str) -> None:
    (tree / "out").mkdir()
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "b.jpg").touch()
    os.symlink(tree / "elsewhere", tree / "out" / "sub")
    os.symlink(tree / "elsewhere" / "b.jpg", tree / "out" / "b.jpg")
    found = find(["photos/b.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template(name), Path("out"), "m")
    with pytest.raises(InputError, match=r"is a link to .*elsewhere.*, outside the output folder"):
        check_apart(tasks, [found], Path("out"))


def test_the_output_folder_itself_may_be_a_link(tree: Path) -> None:
    (tree / "elsewhere").mkdir()
    os.symlink(tree / "elsewhere", tree / "out")
    found = find(["photos/b.jpg"], SUFFIXES)
    tasks = plan(found.sources, looks(sources("s.jpg"), mixed=False), [1], Template("x/{content}"), Path("out"), "m")
    check_apart(tasks, [found], Path("out"))


def test_what_exists_is_not_to_be_made(tmp_path: Path) -> None:
    styles = looks(sources("s.jpg", "t.jpg"), mixed=False)
    tasks = plan(sources("a.jpg", "b.jpg"), styles, [1], Template("{content}_{style}"), tmp_path, "m")
    for name in ["a_s.jpg", "a_t.jpg", "b_s.jpg"]:
        (tmp_path / name).write_bytes(b"")
    assert [result.target.name for task in unmade(tasks) for result in task.results] == ["b_t.jpg"]
