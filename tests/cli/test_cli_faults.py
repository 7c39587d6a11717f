"""What may befall a command: signals at any time, and an output that takes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import adain
from adain.cli.main import main
from adain.cli.quiet import QuietLibraries

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(adain.__file__).parents[1])}
FULL = Path("/dev/full")

# A module that takes its time, as onnxruntime does, and turns an exception into another, as modules in C do.
SLOW = """
import sys, time
print("importing", flush=True)
try:
    for _ in range(100):
        time.sleep(0.01)
except BaseException as error:
    raise ImportError("initialization failed") from None
"""
COMMAND = """
import sys
import adain.cli.models
from adain import weights
from adain.__main__ import run
def locate(*args, **options):
    import slow
    import time
    time.sleep(20)
weights.locate = adain.cli.models.weights.locate = locate
sys.argv = ["adain", "models"]
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_an_import_waits_for_its_end(name: str, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(tmp_path)])}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "importing":
        assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(signal.Signals[name])
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said.strip()) == (128 + signal.Signals[name], "Interrupted.")
    assert time.monotonic() - begin < 15


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["models"], ["--help"], ["--version"], ["models", "show", "adain-slim"]])
def test_a_full_output_is_a_sentence(command: list[str]) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "adain", *command], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
    assert done.returncode == 1
    assert done.stderr == "Error: cannot write to the standard output: No space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_full_outputs_of_both_kinds_are_an_exit_code() -> None:
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-m", "adain", "models"], stdout=full, stderr=full, env=ENVIRONMENT)
    assert done.returncode == 1


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = [sys.executable, "-m", "adain", "models"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait(60)
    process.stderr.close()


LIBRARY = """
import os, sys
from adain.cli.main import main
from adain.cli.quiet import QuietLibraries
with QuietLibraries() as libraries:
    os.write(2, b"of a library, ")  # as libtiff does
    print("of Python, ", end="", file=sys.stderr)
    libraries.restore()
    os.write(2, b"with -v, ")
print("afterwards", end="", file=sys.stderr)
"""


def test_lines_of_c_libraries_are_not_printed() -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARY], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert done.stderr == "of Python, with -v, afterwards"


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_v_lets_libraries_print(verbose: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []
    monkeypatch.setattr(QuietLibraries, "restore", lambda self: shown.append(True))
    CliRunner().invoke(main, ["models", *verbose])
    assert len(shown) == 1 + len(verbose)  # also at the end
