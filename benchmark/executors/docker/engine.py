"""The Docker engine: the one file that knows the Docker SDK. Starts, watches and removes containers; judges nothing.

A thread waits for each container's end, so that watching costs no polling. Every container carries labels, by which it
is found again after a crash.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_host

from benchmark.executors.docker.limits import DEADLINE_LABEL, ENVIRONMENT, NOBODY, ROLE_LABEL
from benchmark.executors.docker.podman import is_podman
from benchmark.executors.errors import EngineError
from benchmark.printable import on_one_line, spelled_out_bytes
from benchmark.settings import read_settings

__all__ = ["Container", "Engine", "EngineError", "Exit", "Image"]

logger = logging.getLogger(__name__)

_ENGINE_ERRORS = (DockerException, OSError)
"""What the SDK raises; the errors of its HTTP library are OSErrors."""

_OOM_EVENT_S = 1.0
"""How much later than the end of a container the engine may report the kernel's memory event."""

_KILL_S = 30.0
"""How long the end of a container is waited for once it has been killed or removed."""


@dataclass(frozen=True)
class Exit:
    """How a container ended.

    Attributes:
        code: exit code of its program, 128 + n for signal n; None if it is not known.
        memory_event: whether the kernel killed a process in it at its memory limit.
        lost: why the end was not seen; None if it was.
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
        """Find out how it ends. Every error becomes an `Exit` as well: without one, callers would wait for ever."""
        try:
            self._exit = self._watch()
        except _ENGINE_ERRORS as error:
            self._exit = Exit(None, lost=_one_line(error))
        except BaseException as error:
            logger.exception("the thread that waited for container %s failed", self.id[:12])
            self._exit = Exit(None, lost=_one_line(error, with_type=True))

    def _watch(self) -> Exit:
        """Wait for the end on a connection of its own, and read what the kernel reported."""
        with _own_client() as client:
            code = int(client.api.wait(self.id, timeout=None)["StatusCode"])
            killed = self._was_out_of_memory(client)
            patience = time.monotonic() + _OOM_EVENT_S
            while code == 137 and not killed and time.monotonic() < patience:
                time.sleep(0.1)
                killed = self._was_out_of_memory(client)
            return Exit(code, killed)

    def _was_out_of_memory(self, client: docker.DockerClient) -> bool:
        return client.api.inspect_container(self.id)["State"].get("OOMKilled") is True

    def poll(self) -> Exit | None:
        """Return how it ended, or None while it runs."""
        if self._waiter.is_alive():
            return None
        return self._exit or Exit(None, lost="the thread that waited for the container ended without an answer")

    def join(self, timeout_s: float) -> Exit | None:
        """Wait for the end for at most `timeout_s` seconds; return what `poll` returns then."""
        self._waiter.join(timeout_s)
        return self.poll()

    def kill(self) -> None:
        """End everything in it at once (SIGKILL), and wait until it is gone."""
        try:
            self._client.api.kill(self.id)
        except _ENGINE_ERRORS as error:
            logger.debug("container %s was not killed, it may have ended already: %s", self.id[:12], _one_line(error))
        self._waiter.join(_KILL_S)

    def printed(self, limit: int, *, stdout: bool = True, stderr: bool = True) -> str:
        """Return the last `limit` bytes of its output as text without control characters; "" if they cannot be read."""
        try:
            raw: bytes = self._client.api.logs(self.id, stdout=stdout, stderr=stderr)
        except _ENGINE_ERRORS as error:
            logger.warning("the output of container %s cannot be read: %s", self.id[:12], _one_line(error))
            return ""
        return spelled_out_bytes(raw[-limit:])

    def remove(self) -> None:
        """Remove it with everything that belongs to it."""
        _remove(self._client, self.id)
        self._waiter.join(_KILL_S)


class Engine:
    """A Docker engine on this machine, or Podman's service, which speaks the same API.

    Attributes:
        is_podman: whether it is Podman's.
    """

    def __init__(self) -> None:
        """Connect.

        Raises:
            EngineError: `DOCKER_HOST` is no address, the engine is on another machine, or none answers.
        """
        address = _address()
        if not address.startswith("http+unix://"):
            problem = f"the Docker engine at {address} may be on another machine, and cannot see the files of this one"
            raise EngineError(problem)
        try:
            _demand_listener(address.removeprefix("http+unix://"))
            self._client = docker.from_env(version="auto", timeout=60)
            self.is_podman = is_podman(self._client.version())
        except _ENGINE_ERRORS as error:
            problem = f"no Docker engine answers ({_one_line(error)}); is it running, and may you use it?"
            raise EngineError(problem) from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def info(self) -> dict[str, Any]:
        """Return what the engine reports about itself."""
        try:
            return self._client.info()
        except _ENGINE_ERRORS as error:
            raise EngineError(f"the Docker engine does not answer: {_one_line(error)}") from error

    def image(self, tag: str) -> Image | None:
        """Find an image by its name."""
        try:
            found = self._client.api.inspect_image(tag)
        except ImageNotFound:
            return None
        except _ENGINE_ERRORS as error:
            raise EngineError(f"the Docker engine does not answer: {_one_line(error)}") from error
        return Image(found["Id"], found["Config"].get("Labels") or {})

    def start(
        self, image: Image, command: Sequence[str], host_config: Mapping[str, Any], labels: Mapping[str, str]
    ) -> Container:
        """Create and start a container; after a failure or an interruption, nothing of it is left.

        Raises:
            EngineError: the engine refuses.
        """
        # The name is ours: an interruption before the engine has answered with the id leaves a container to remove.
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
            raise EngineError(_one_line(error)) from error
        except BaseException:
            _remove(self._client, name)
            raise

    def remove_labelled(self, labels: Mapping[str, str]) -> int:
        """Remove every container that carries all these labels, running or not; return how many there were."""
        found = list(self._labelled([f"{name}={value}" for name, value in labels.items()]))
        for each in found:
            _remove(self._client, each["Id"])
        return len(found)

    def kill_overdue(self, now: float) -> int:
        """End every container of the benchmark (of all users) past the deadline on its label; return how many."""
        overdue = [
            each["Id"]
            for each in self._labelled([DEADLINE_LABEL])
            if each["State"] == "running" and now > float(each["Labels"][DEADLINE_LABEL])
        ]
        for identity in overdue:
            try:
                self._client.api.kill(identity)
            except _ENGINE_ERRORS as error:
                logger.debug("overdue container %s was not killed: %s", identity[:12], _one_line(error))
        return len(overdue)

    def _labelled(self, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
        try:
            yield from self._client.api.containers(all=True, filters={"label": list(labels)})
        except _ENGINE_ERRORS as error:
            raise EngineError(f"the Docker engine does not answer: {_one_line(error)}") from error


def _address() -> str:
    """Return the address of the engine as the SDK writes it.

    Raises:
        EngineError: `DOCKER_HOST` is no address.
    """
    asked = read_settings().docker_host or None
    try:
        return str(parse_host(asked))
    except (DockerException, ValueError) as error:
        shown = on_one_line(str(asked)[:100])
        expected = "the address of an engine on this machine, for instance unix:///var/run/docker.sock"
        raise EngineError(f"DOCKER_HOST: expected {expected}, got {shown!r}") from error


def _demand_listener(path: str) -> None:
    """Raise OSError unless a server listens: a killed engine leaves its socket, and the SDK would leak connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(10)
        probe.connect(path)


@contextlib.contextmanager
def _own_client() -> Generator[docker.DockerClient]:
    client = docker.from_env(version="auto", timeout=60)
    try:
        yield client
    finally:
        client.close()


def _remove(client: docker.DockerClient, identity: str) -> None:
    """Remove a container; one that is gone already, or is being removed by another process, is no error."""
    error: Exception | None = None
    for _ in range(3):
        try:
            client.api.remove_container(identity, v=True, force=True)
        except NotFound:
            return
        except APIError as refused:
            error = refused
            time.sleep(0.2)
        except _ENGINE_ERRORS as unreachable:
            error = unreachable
            break
        else:
            return
    in_progress = isinstance(error, APIError) and error.status_code == HTTPStatus.CONFLICT
    level = logging.DEBUG if in_progress else logging.WARNING
    logger.log(level, "container %s was not removed: %s", identity[:20], _one_line(error) if error else "")


def _one_line(error: BaseException, *, with_type: bool = False) -> str:
    text = str(error.explanation if isinstance(error, APIError) and error.explanation else error)
    if with_type:
        text = f"{type(error).__name__}: {text}"
    return on_one_line(text)
