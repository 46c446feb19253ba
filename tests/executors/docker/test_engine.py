"""The Docker engine as we use it, with a fake in its place: every error has to end in an answer."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from benchmark.executors.docker import engine as module
from benchmark.executors.docker.engine import Container, Engine, EngineError
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.select import choose_executor
from benchmark.store.layout import Home


class UnforeseenError(Exception):
    """No error of the SDK."""


def fake_client(wait: Callable[[], Any], *, out_of_memory: bool = False) -> Any:
    """Make a client whose containers end as `wait` says."""
    api = SimpleNamespace(
        wait=lambda identity, timeout: wait(),
        inspect_container=lambda identity: {"State": {"OOMKilled": out_of_memory}},
        kill=lambda identity: None,
        remove_container=lambda identity, **options: None,
    )
    return SimpleNamespace(api=api)


def started(monkeypatch: pytest.MonkeyPatch, wait: Callable[[], Any], *, out_of_memory: bool = False) -> Container:
    """Make a container of a fake client, whose waiting thread uses the same fake."""
    client = fake_client(wait, out_of_memory=out_of_memory)

    @contextlib.contextmanager
    def own_client() -> Generator[Any]:
        yield client

    monkeypatch.setattr(module, "_own_client", own_client)
    return Container(client, "0123456789abcdef")


def raising(error: BaseException) -> Callable[[], Any]:
    def wait() -> Any:
        raise error

    return wait


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        (raising(OSError("connection reset")), "connection reset"),
        (raising(APIError("no such container")), "no such container"),
        (raising(UnforeseenError("no error of the SDK")), "UnforeseenError: no error of the SDK"),
        (raising(SystemExit(3)), "SystemExit: 3"),
        (lambda: {}, "KeyError: 'StatusCode'"),
        (lambda: {"StatusCode": None}, "TypeError"),
    ],
)
def test_whatever_goes_wrong_while_waiting_is_an_end_with_its_cause(
    wait: Callable[[], Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception ended the waiting thread without an answer, and scoring waited for ever."""
    ended = started(monkeypatch, wait).join(10)
    assert ended is not None
    assert ended.code is None
    assert says in (ended.lost or "")


def test_a_waiting_thread_that_ends_without_an_answer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Container, "_wait", lambda self: None)  # pyright: ignore[reportUnknownLambdaType]
    ended = started(monkeypatch, lambda: {}).join(10)
    assert ended is not None
    assert ended.lost is not None


def test_a_container_has_no_end_while_it_runs_and_then_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def wait() -> Any:
        may_end.wait(30)
        return {"StatusCode": 7}

    container = started(monkeypatch, wait, out_of_memory=True)
    assert container.poll() is None
    may_end.set()
    ended = container.join(10)
    assert ended == module.Exit(7, memory_event=True)


@pytest.mark.parametrize("address", ["garbage", "tcp://host:port", "http://[::1", " ", "\x1b[2J", "fd://"])
def test_an_address_that_is_none_is_one_sentence_and_auto_goes_on_without_isolation(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineError, match=r"^DOCKER_HOST: expected the address of an engine .* got '") as caught:
        Engine()
    assert str(caught.value).isprintable()
    executor, warning = choose_executor("auto", Home(tmp_path))
    assert executor.name == "process"
    assert warning is not None
    assert "DOCKER_HOST" in warning


def test_without_an_engine_auto_is_process_and_says_in_one_line_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    executor, warning = choose_executor("auto", Home(tmp_path))
    assert executor.name == "process"
    assert warning is not None
    assert warning.startswith("isolation is off: ")
    assert "no Docker engine answers" in warning
    assert "\n" not in warning
    with pytest.raises(EngineError, match="no Docker engine answers"):
        choose_executor("docker", Home(tmp_path))


def test_the_socket_of_a_killed_engine_is_no_engine_and_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(left))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{left}")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(EngineError, match="no Docker engine answers"):
            Engine()
        gc.collect()
    assert [str(each.message) for each in warned] == []


def test_an_engine_on_another_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineError, match="may be on another machine"):
        DockerExecutor(Home(tmp_path))
