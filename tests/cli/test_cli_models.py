"""`adain` itself, and `adain models`: what is printed where, and the exit codes."""

from __future__ import annotations

import hashlib
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click
import pytest
from click.testing import CliRunner, Result

import adain
from adain import registry, weights
from adain.cli import main as cli
from adain.cli import models as cli_models
from adain.cli.progress import DownloadBars
from adain.registry import MODELS, Model, WeightFile

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.main, [str(arg) for arg in args], prog_name="adain")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model of two small files, alone in the registry."""
    file = WeightFile(
        role="encoder",
        name="encoder.pth",
        url="https://weights.invalid/encoder.pth",
        bytes=len(CONTENT),
        sha256=SHA256,
        licence="MIT",
    )
    files = (file, replace(file, role="decoder", name="decoder.pth"))
    model = replace(MODELS["adain-vgg19"], name="tiny", files=files)
    table = MappingProxyType({"tiny": model})
    monkeypatch.setattr(registry, "MODELS", table)
    monkeypatch.setattr(cli_models, "MODELS", table)
    return model


def put(directory: Path, *names: str, content: bytes = CONTENT) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).write_bytes(content)
    return directory


# The command itself


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"adain {adain.__version__}\n"


def test_help_names_every_command_and_each_can_be_loaded() -> None:
    shown = run("--help").stdout
    with click.Context(cli.main) as ctx:
        names = cli.main.list_commands(ctx)
        assert {"stylize", "models"} <= set(names)
        for name in names:
            assert name in shown
            command = cli.main.get_command(ctx, name)
            assert command is not None
            assert command.name == name
            assert command.help


def test_help_shows_its_examples_line_by_line() -> None:
    lines = [line.strip() for line in run("--help").stdout.splitlines()]
    assert "adain stylize photo.jpg painting.jpg -o stylized.png" in lines
    assert "adain models" in lines


@pytest.mark.parametrize("args", [["--help"], ["models"], ["models", "show", "adain-vgg19"]], ids=" ".join)
def test_light_commands_import_no_heavy_library(args: list[str]) -> None:
    code = (
        "import sys; from adain.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'torch', 'onnxruntime', 'PIL', 'numpy', 'http.client', 'ssl'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "adain", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"adain {adain.__version__}\n")


def raising(error: BaseException) -> Callable[..., object]:
    def find(*args: object, **kwargs: object) -> object:
        raise error

    return find


def test_errors_of_the_package_are_one_sentence_on_stderr(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", raising(adain.DownloadError("could not download it")))
    result = run("models", "download", "tiny")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: could not download it\n"


def test_very_verbose_says_where_an_error_came_from(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", raising(adain.DownloadError("could not download it")))
    assert "Traceback" not in run("-v", "models", "download", "tiny").stderr
    assert "Traceback" in run("-v", "models", "download", "tiny", "-v").stderr


def test_interruption_has_the_shells_exit_code(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", raising(KeyboardInterrupt()))
    result = run("models", "download", "tiny")
    assert result.exit_code == 130
    assert result.stderr.strip() == "Interrupted."


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_process_is_an_interruption(
    name: str, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = signal.Signals[name]
    before = signal.getsignal(number)
    cleaned = []

    def find(*args: object, **options: object) -> None:
        assert signal.getsignal(number) is not signal.SIG_DFL, "this would end the tests"
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(True)

    monkeypatch.setattr(weights, "find", find)
    result = run("models", "download", "tiny")
    assert (result.exit_code, result.stderr.strip(), cleaned) == (128 + number, "Interrupted.", [True])
    assert signal.getsignal(number) is before


def test_a_signal_that_somebody_sees_to_is_left_to_them(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(True))
    monkeypatch.setattr(weights, "find", lambda *_, **__: signal.raise_signal(signal.SIGTERM) or {})
    try:
        assert run("models", "download", "tiny").exit_code == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [True]


def test_defect_is_not_hidden(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", raising(ZeroDivisionError()))
    assert isinstance(run("models", "download", "tiny").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["paint"], "No such command 'paint'"),
        (["models", "show"], "Missing argument 'MODEL'"),
        (["models", "show", "adian-vgg19"], "unknown model 'adian-vgg19'; available: adain-slim, wct-slim, "),
        (["models", "verify", "adain-vgg19", "--fast"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_exits_with_2(args: list[str], said: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("args", [["-v", "models", "verify"], ["models", "verify", "-v"]], ids=" ".join)
def test_verbose_puts_the_log_on_stderr_and_leaves_logging_as_it_was(
    tiny: Model, tmp_path: Path, args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = logging.getLogger("adain")
    before = package.level, list(package.handlers)

    def locate(*args: object) -> None:
        logging.getLogger("adain.weights").info("looking")

    monkeypatch.setattr(weights, "locate", locate)
    assert "looking" in run(*args, "tiny").stderr
    assert "looking" not in run("models", "verify", "tiny").stderr
    assert (package.level, package.handlers) == before


# adain models


@pytest.mark.parametrize("args", [["models"], ["models", "list"]], ids=" ".join)
def test_models_lists_every_row(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 0
    for model in MODELS.values():
        assert model.name in result.stdout
        assert model.summary in result.stdout
    assert result.stdout.count("(default)") == 1


@pytest.mark.parametrize(
    ("names", "state"),
    [([], "to download"), (["encoder.pth"], "1 of 2 files here"), (["encoder.pth", "decoder.pth"], "ready")],
    ids=["none", "one", "all"],
)
def test_list_says_what_is_on_this_machine(tiny: Model, tmp_path: Path, names: list[str], state: str) -> None:
    first_line = run("models", "list", "--weights-dir", put(tmp_path / "mine", *names)).stdout.splitlines()[0]
    assert first_line.split()[:4] == ["tiny", "adain", "14.0", "kB"]
    assert first_line.endswith(state)


@pytest.mark.parametrize("name", MODELS)
def test_show_tells_licence_paper_and_each_files_hash_and_address(name: str) -> None:
    result = run("models", "show", name)
    assert result.exit_code == 0
    model = MODELS[name]
    facts = [model.paper, model.licence, model.source]
    for file in model.files:
        facts += [file.name, file.sha256 or str(file.git_blob), file.url or ""]
    for fact in facts:
        assert fact in result.stdout


@pytest.mark.parametrize(
    ("name", "fusion"),
    [
        ("adain-slim", "adain at x4, x8, wct at x2"),
        ("wct-slim", "adain at x8, wct at x2, x4, in 2 passes"),
        ("adain-vgg19", "adain at relu4_1"),
        ("wct-vgg19", "wct at relu5_1, relu4_1, relu3_1, relu2_1, relu1_1"),
    ],
)
def test_show_says_which_fusion_each_map_gets(name: str, fusion: str) -> None:
    lines = [line.split(maxsplit=1) for line in run("models", "show", name).stdout.splitlines()]
    assert ["fusion", fusion] in lines


def test_show_says_where_a_file_is_or_would_be(tiny: Model, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine", "encoder.pth")
    shown = run("models", "show", "tiny", "--weights-dir", mine).stdout
    assert f"is {mine / 'encoder.pth'}" in shown
    assert f"not here; would be {weights.cached(tiny, tiny.files[1])}" in shown


def test_verify_passes_right_files(tiny: Model, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine", "encoder.pth", "decoder.pth")
    result = run("models", "verify", "tiny", "--weights-dir", mine)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ok", "ok"]


def test_verify_tells_damaged_and_missing_files_apart(tiny: Model, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine", "encoder.pth", content=b"other")
    result = run("models", "verify", "tiny", "--weights-dir", mine)
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["damaged", "missing"]
    assert SHA256 in result.stdout
    assert result.stderr.startswith("Error: 2 of 2 files are missing or damaged; ")


def test_download_says_what_is_ready_where(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path))
    put(tmp_path / "tiny", "encoder.pth", "decoder.pth")
    result = run("models", "download", "tiny")
    assert result.exit_code == 0
    assert result.stdout == f"tiny: 2 files verified in {tmp_path / 'tiny'}\n"
    assert result.stderr == ""


def test_weights_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = run("models", "verify", "adain-vgg19", "--weights-dir", tmp_path / "none")
    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_download_bars_are_one_line_each_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with DownloadBars() as bars:
        for received in (0, 500_000, 1_000_000):
            bars("net.pth", received, 1_000_000)
        bars("other.pth", 0, None)
    assert capsys.readouterr().err == "downloading net.pth (1.0 MB)\ndownloading other.pth\n"


def test_download_bar_on_a_terminal_starts_anew_with_each_attempt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with DownloadBars() as bars:
        for received in (0, 500_000, 0, 500_000, 1_000_000):
            bars("net.pth", received, 1_000_000)
    drawn = capsys.readouterr().err
    assert drawn.count("0.5 of 1.0 MB") == 2
    assert "1.0 of 1.0 MB" in drawn
    assert drawn.count("\n") == 2, "one line per attempt"


def test_real_files_verify_by_the_command(shared: Path) -> None:
    directory = shared / "weights" / "original" / "collaborative-distillation"
    result = run("models", "verify", "wct-collab-distill", "--weights-dir", directory)
    assert result.exit_code == 0
    assert result.stdout.count("ok ") == 10
