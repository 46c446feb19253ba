"""The two container images: what goes into them, their names, and building them with the `docker` command.

    python -m benchmark.executors.docker.images [--base-image NAME] [--wheels DIR] [--torch-index URL] [--digest]

An image has the digest of the code in it as a label. An executor uses only images with the digest of the running code,
so that a container never trains with other code than the host names states for.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import benchmark
from benchmark.executors.errors import ExecutorError
from benchmark.settings import read_settings
from benchmark.spec.canonical import digest

TRAINER_IMAGE, SCORER_IMAGE = "forget-me-not/trainer:latest", "forget-me-not/scorer:latest"
CODE_LABEL = "org.forget-me-not.code"

_PACKAGE = Path(benchmark.__file__).parent
_PACKED = (
    "__init__.py", "encoder.py", "gc_pause.py", "late_dynamo.py", "machine.py", "printable.py",
    "data", "files", "method", "plan", "pruning", "scoring", "spec", "training",
)  # fmt: skip
"""Parts of the package that the Dockerfile copies from."""
_BESIDE = ("Dockerfile", ".dockerignore", "constraints.txt")


_NO_CHECKOUT = f"no Dockerfile beside {_PACKAGE}: images are built from a checkout of the benchmark"


class ImageError(ExecutorError):
    """An image is missing, stale or cannot be built."""


def code_digest() -> str:
    """Return the sha256 over names and contents of the code that goes into images, 64 hexadecimal digits.

    Raises:
        ImageError: the package is installed, and no checkout is here.
    """
    if not (_PACKAGE.parent / "Dockerfile").is_file():
        raise ImageError(_NO_CHECKOUT)
    files = [_PACKAGE.parent / name for name in _BESIDE]
    for part in _PACKED:
        files += [_PACKAGE / part] if part.endswith(".py") else sorted((_PACKAGE / part).rglob("*.py"))
    return digest(
        {
            str(file.relative_to(_PACKAGE.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
            if file.is_file()
        }
    )


def build_images(base_image: str | None = None, wheels: Path | None = None, torch_index: str | None = None) -> None:
    """Build both images from this checkout; what the `docker` command says goes to standard error.

    Args:
        base_image: replaces the Dockerfile's default.
        wheels: folder of wheels to install from; nothing is downloaded then.
        torch_index: further package index for torch, for a build without CUDA.

    Raises:
        ImageError: there is no checkout or no `docker` command here, or the build fails.
    """
    if not (_PACKAGE.parent / "Dockerfile").is_file():
        raise ImageError(_NO_CHECKOUT)
    if shutil.which("docker") is None:
        raise ImageError("there is no `docker` command here; install Docker's command-line client to build images")
    arguments = {"BASE_IMAGE": base_image, "TORCH_INDEX": torch_index, "CODE_DIGEST": code_digest()}
    options = [f"--build-arg={name}={value}" for name, value in arguments.items() if value]
    with tempfile.TemporaryDirectory() as folder:
        _write_context(Path(folder), wheels)
        for target, tag in (("trainer", TRAINER_IMAGE), ("scorer", SCORER_IMAGE)):
            command = ["docker", "build", "--target", target, "--tag", tag, *options, folder]
            done = subprocess.run(command, stdout=sys.stderr, check=False)
            if done.returncode:
                raise ImageError(f"`docker build` of the {target} image failed with exit code {done.returncode}")


def _write_context(folder: Path, wheels: Path | None) -> None:
    """Fill a folder with all that a build may see: the code that was hashed, and the wheels if there are any."""
    for name in _BESIDE:
        shutil.copyfile(_PACKAGE.parent / name, folder / name)
    (folder / "benchmark").mkdir()
    for part in _PACKED:
        if part.endswith(".py"):
            shutil.copyfile(_PACKAGE / part, folder / "benchmark" / part)
        else:
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(_PACKAGE / part, folder / "benchmark" / part, ignore=ignored)
    kept = wheels or _PACKAGE.parent / "wheels"
    if wheels is not None and not any(wheels.glob("*.whl")):
        raise ImageError(f"{wheels}: expected a folder of wheels, found none in it")
    if kept.is_dir():
        shutil.copytree(kept, folder / "wheels", copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main() -> None:
    """Build both images, or print the digest of the code that belongs into them."""
    settings = read_settings()
    parser = argparse.ArgumentParser(prog="python -m benchmark.executors.docker.images", description=__doc__)
    parser.add_argument("--base-image", default=settings.base_image or None)
    parser.add_argument("--wheels", type=Path, default=settings.wheels)
    parser.add_argument("--torch-index", default=settings.torch_index or None)
    parser.add_argument("--digest", action="store_true", help="print the digest of the code and build nothing")
    arguments = parser.parse_args()
    if arguments.digest:
        print(code_digest())
        return
    try:
        build_images(arguments.base_image, arguments.wheels, arguments.torch_index)
    except ImageError as problem:
        raise SystemExit(str(problem)) from None


if __name__ == "__main__":
    main()
