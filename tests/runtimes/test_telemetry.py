"""Nothing is written into the user's home, and no event is sent: not by this package, not by its runtimes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STYLIZE = """
import adain
adain.load("adain-slim", runtime={runtime!r})({photo!r}, {painting!r}).save({result!r})
"""


def in_home(home: Path, code: str, **variables: str) -> list[str]:
    """Run code with an empty home. Returns the files that it left there."""
    home.mkdir()
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")  # ADAIN_CACHE is elsewhere
    surroundings = {name: value for name, value in os.environ.items() if name not in unset}
    surroundings |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home), **variables}
    subprocess.run([sys.executable, "-c", code], check=True, env=surroundings)
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_run_writes_nothing_into_the_home(
    runtime: str, photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="this runtime is an extra")
    home = tmp_path / "home"
    code = STYLIZE.format(
        runtime=runtime, photo=str(photo_file), painting=str(painting_file), result=str(tmp_path / "result.png")
    )
    assert in_home(home, code) == []
    assert (tmp_path / "result.png").is_file()


def test_the_user_may_turn_telemetry_on(tmp_path: Path) -> None:
    code = "import os; from adain.runtimes import ort_import; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'"
    in_home(tmp_path / "home", code, ORT_DISABLE_TELEMETRY="0")
