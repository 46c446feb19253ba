"""The Docker engine: the one file that knows the Docker SDK. Starts, watches and removes containers; judges nothing.

A container's end is waited for in a thread, so that watching costs no polling; every container carries labels by which
it is found again after a crash.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_host

from benchmark.executors.docker.limits import DEADLINE_LABEL, ENVIRONMENT, NOBODY, ROLE_LABEL
from benchmark.executors.problem import ExecutorProblem
from benchmark.printable import on_one_line, spelled_out_bytes
from benchmark.settings import read_settings

_ENGINE_ERRORS = (DockerException, OSError)
"""Whatever the SDK raises; the errors of its HTTP library are OSErrors."""

_OOM_EVENT_S = 1.0
"""The engine hears of the kernel's memory event on another way than of the end; it may come a little later."""


class EngineProblem(ExecutorProblem):
    """The engine is not there, or refuses."""


@dataclass(frozen=True)
class Exit:
    """How a container ended.

    Attributes:
        code: exit code of its program, 128 + n for signal n; None if nobody knows.
        memory_event: whether the kernel killed something in it at its memory limit.
        lost: what went wrong with the engine, when the end was not seen.
    """

    code: int | None
    memory_event: bool = False
    lost: str | None = None


@dataclass(frozen=True)
class Image:
    """An image by its content id."""

    id: str
    labels: Mapping[str, str]


class Container:
    """A started container, from its start to its removal."""

    def __init__(self, client: docker.DockerClient, identity: str) -> None:
        self._client, self.id = client, identity
        self._exit: Exit | None = None
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def _wait(self) -> None:
        """Wait for the end on a connection of its own, and look at what the kernel reported."""
        try:
            with _own_client() as client:
                code = int(client.api.wait(self.id, timeout=None)["StatusCode"])
                killed = self._state(client).get("OOMKilled") is True
                patience = time.monotonic() + _OOM_EVENT_S
                while code == 137 and not killed and time.monotonic() < patience:
                    time.sleep(0.1)
                    killed = self._state(client).get("OOMKilled") is True
            self._exit = Exit(code, killed)
        except _ENGINE_ERRORS as error:
            self._exit = Exit(None, lost=_one_line(error))

    def _state(self, client: docker.DockerClient) -> dict[str, Any]:
        return client.api.inspect_container(self.id)["State"]

    def poll(self) -> Exit | None:
        """Say how it ended, or None while it runs."""
        return None if self._waiter.is_alive() else self._exit

    def join(self, timeout_s: float) -> Exit | None:
        """Wait for the end, at most so long."""
        self._waiter.join(timeout_s)
        return self.poll()

    def kill(self) -> None:
        """End everything in it at once (SIGKILL), and wait until it is gone."""
        with contextlib.suppress(*_ENGINE_ERRORS):
            self._client.api.kill(self.id)
        self._waiter.join(30)

    def printed(self, limit: int, *, stdout: bool = True, stderr: bool = True) -> str:
        """Give the end of what it printed, at most about `limit` bytes, safe to show."""
        with contextlib.suppress(*_ENGINE_ERRORS):
            raw: bytes = self._client.api.logs(self.id, stdout=stdout, stderr=stderr)
            return spelled_out_bytes(raw[-limit:])
        return ""

    def remove(self) -> None:
        """Remove it with everything that belongs to it."""
        _remove(self._client, self.id)
        self._waiter.join(30)


class Engine:
    """A local Docker engine."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            EngineProblem: none answers, or it is on another machine.
        """
        address = str(parse_host(read_settings().docker_host or None))
        if not address.startswith("http+unix://"):
            problem = f"the Docker engine at {address} may be on another machine, and cannot see the files of this one"
            raise EngineProblem(problem)
        try:
            _demand_listener(address.removeprefix("http+unix://"))
            self._client = docker.from_env(version="auto", timeout=60)
        except _ENGINE_ERRORS as error:
            problem = f"no Docker engine answers ({_one_line(error)}); is it running, and may you use it?"
            raise EngineProblem(problem) from error

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def info(self) -> dict[str, Any]:
        """Give what the engine says about itself."""
        try:
            return self._client.info()
        except _ENGINE_ERRORS as error:
            raise EngineProblem(f"the Docker engine does not answer: {_one_line(error)}") from error

    def image(self, tag: str) -> Image | None:
        """Find an image by its name."""
        try:
            found = self._client.api.inspect_image(tag)
        except ImageNotFound:
            return None
        except _ENGINE_ERRORS as error:
            raise EngineProblem(f"the Docker engine does not answer: {_one_line(error)}") from error
        return Image(found["Id"], found["Config"].get("Labels") or {})

    def start(
        self, image: Image, command: Sequence[str], host_config: Mapping[str, Any], labels: Mapping[str, str]
    ) -> Container:
        """Create and start a container; on any failure, an interruption included, nothing of it is left.

        Raises:
            EngineProblem: the engine refuses.
        """
        # Named by us, so that it can be removed even when we are interrupted before we are told its id.
        name = f"fmn-{labels[ROLE_LABEL]}-{uuid.uuid4().hex[:12]}"
        try:
            created = self._client.api.create_container(
                image.id, list(command), name=name, user=NOBODY, environment=list(ENVIRONMENT), labels=dict(labels),
                host_config=dict(host_config), hostname="fmn", working_dir="/tmp", network_disabled=True,
            )  # fmt: skip
            self._client.api.start(created["Id"])
            return Container(self._client, created["Id"])
        except _ENGINE_ERRORS as error:
            _remove(self._client, name)
            raise EngineProblem(_one_line(error)) from error
        except BaseException:
            _remove(self._client, name)
            raise

    def remove_labelled(self, labels: Mapping[str, str]) -> int:
        """Remove every container that carries all these labels, running or not; says how many."""
        found = list(self._labelled([f"{name}={value}" for name, value in labels.items()]))
        for each in found:
            _remove(self._client, each["Id"])
        return len(found)

    def kill_overdue(self, now: float) -> int:
        """End every container of the benchmark, whoever started it, that is past the deadline on its label."""
        overdue = [
            each["Id"]
            for each in self._labelled([DEADLINE_LABEL])
            if each["State"] == "running" and now > float(each["Labels"][DEADLINE_LABEL])
        ]
        for identity in overdue:
            with contextlib.suppress(*_ENGINE_ERRORS):
                self._client.api.kill(identity)
        return len(overdue)

    def _labelled(self, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
        try:
            yield from self._client.api.containers(all=True, filters={"label": list(labels)})
        except _ENGINE_ERRORS as error:
            raise EngineProblem(f"the Docker engine does not answer: {_one_line(error)}") from error


def _demand_listener(path: str) -> None:
    """Fail unless something listens: a killed engine leaves its socket, on which the SDK would leak connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(10)
        probe.connect(path)


def engine_answers() -> bool:
    """Whether a usable engine is there."""
    try:
        Engine().close()
    except EngineProblem:
        return False
    return True


@contextlib.contextmanager
def _own_client() -> Generator[docker.DockerClient]:
    client = docker.from_env(version="auto", timeout=60)
    try:
        yield client
    finally:
        client.close()


def _remove(client: docker.DockerClient, identity: str) -> None:
    """Remove a container; one that is gone already, or is being removed by somebody else, is fine."""
    for _ in range(3):
        try:
            client.api.remove_container(identity, v=True, force=True)
            return
        except NotFound:
            return
        except APIError:
            time.sleep(0.2)
        except _ENGINE_ERRORS:
            return


def _one_line(error: BaseException) -> str:
    text = str(error.explanation if isinstance(error, APIError) and error.explanation else error)
    return on_one_line(text)
