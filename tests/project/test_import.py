"""What `import adain` costs, and what the public names are."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

import adain
from adain.errors import DeviceError

LIMIT = 0.5  # s, for the import itself; about 0.01 s on two slow cores
HEAVY = ["torch", "torchvision", "onnx", "onnxruntime", "numpy", "PIL", "click", "fastapi", "uvicorn"]

OF_TORCH = ("optimize", "tune")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_is_fast_and_brings_in_nothing_heavy() -> None:
    output = run(
        "import sys, time, json; start = time.perf_counter(); import adain;"
        "print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))"
    )
    seconds, modules = json.loads(output)
    assert seconds < LIMIT
    assert not set(HEAVY) & set(modules)


@pytest.mark.parametrize("module", ["adain.stylizer", "adain.cli.main", "adain.cli.stylize", "adain.weights"])
def test_the_runtime_brings_in_no_torch(module: str) -> None:
    loaded = json.loads(run(f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"))
    assert not {"torch", "torchvision", "onnx", "onnxruntime"} & set(loaded)


def test_help_waits_for_nothing_heavy() -> None:
    """Of any command; what runs it is imported when it runs."""
    code = "import adain.cli.main as m; [m.main.get_command(None, name) for name in m.main.list_commands(None)]"
    loaded = json.loads(run(f"import sys, json; {code}; print(json.dumps(sorted(sys.modules)))"))
    assert {"adain.cli.texture", "adain.cli.serve"} <= set(loaded)
    assert not {*HEAVY, "av", "safetensors", "matplotlib"} & set(loaded) - {"click"}


@pytest.mark.parametrize("name", adain.__all__)
def test_every_public_name_can_be_fetched(name: str) -> None:
    if name in OF_TORCH and find_spec("torch") is None:
        with pytest.raises(DeviceError, match=r"needs torch; pip install 'adain\[torch\]'"):
            getattr(adain, name)
        return
    assert getattr(adain, name) is not None
    assert name in dir(adain)


@pytest.mark.parametrize("name", OF_TORCH)
def test_without_torch_an_error_says_what_to_install(name: str) -> None:
    code = f"try: adain.{name}\nexcept adain.AdainError as error: print(error)"
    said = run(f"import sys; sys.modules['torch'] = None; import adain\n{code}")
    assert said == f"adain.{name} needs torch; pip install 'adain[torch]'\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        adain.stylise  # noqa: B018


def test_models_lists_the_registry() -> None:
    from adain import registry

    assert adain.models() == tuple(registry.MODELS)
    assert registry.DEFAULT in adain.models()


def test_version_is_the_one_that_was_installed() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("adain")
    except PackageNotFoundError:
        pytest.skip("adain runs from its source folder, not installed")
    assert installed == adain.__version__
