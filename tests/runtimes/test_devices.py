"""One parser of device names and of numbers of threads, for every runtime."""

from __future__ import annotations

import pytest

from adain.errors import InputError
from adain.runtimes.devices import cpu_threads, parse_device


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_names_of_devices_are_taken(name: str) -> None:
    assert parse_device(name) == name


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1"])
def test_a_torch_device_is_taken(name: str) -> None:
    torch = pytest.importorskip("torch", reason="makes the devices")
    assert parse_device(torch.device(name)) == name


@pytest.mark.parametrize(
    "device", ["", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:01", "cuda:²", 0, None, b"cpu", ["cpu"]]
)
def test_anything_else_is_an_error_that_says_what_is_allowed(device: object) -> None:
    with pytest.raises(InputError, match=r"unknown device .*; allowed: auto, cpu, cuda, cuda:0"):
        parse_device(device)


@pytest.mark.parametrize("threads", [0, -1, 1.0, "2", True])
def test_a_wrong_number_of_threads_is_an_error(threads: object) -> None:
    with pytest.raises(InputError, match=r"threads must be a whole number, at least 1, got"):
        cpu_threads(threads)


def test_threads_are_the_users_then_omps_then_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (cpu_threads(5), cpu_threads(None)) == (5, 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {1, 4}, raising=False)
    for nothing in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert cpu_threads(None) == 2
