"""Writing what a search found into `submission.yaml`, its comments and order kept. The one file with ruamel."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from benchmark.admission.gate import MANIFEST
from benchmark.admission.manifest import MAX_MANIFEST_BYTES, read_manifest
from benchmark.admission.tuning import Tuning
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import read_beginning
from benchmark.tuning.search import Values

OVERRIDES, TUNING = "specification_overrides", "specification_tuning"
_WIDTH = 10_000
"""Lines that were there are not wrapped anew."""


def write_found(submission: Path, specification: str, values: Values, tuning: Tuning) -> Path:
    """Write values and how they were found under the name of their specification; other specifications keep theirs.

    Comments and the order of keys stay. Blanks inside of lines may change.

    Args:
        submission: directory of the submission.
        specification: name of the specification.
        values: by hyperparameter.
        tuning: how they were found.

    Returns:
        The manifest.

    Raises:
        UserError: the manifest as it is, or as it would be, is refused; it is left as it was then.
        OSError: it cannot be read or written.
    """
    path = submission / MANIFEST
    text = with_found(read_beginning(path, MAX_MANIFEST_BYTES + 1), specification, values, tuning)
    write_atomically(path, text)
    return path


def with_found(text: bytes, specification: str, values: Values, tuning: Tuning) -> bytes:
    """Return the bytes of a manifest in which values and how they were found are added, or replaced.

    Raises:
        UserError: the manifest as it is, or as it would be, is refused.
    """
    read_manifest(text)  # bounded and plain, before a larger library reads it
    yaml = YAML()  # round trip: keeps comments, order, quotes and styles
    yaml.width, yaml.preserve_quotes = _WIDTH, True
    document = cast(CommentedMap, yaml.load(text.decode()))
    changed = _map_under(document, OVERRIDES, specification)
    changed.update(values)
    _map_under(document, TUNING)[specification] = tuning.model_dump(mode="json", exclude_defaults=True)
    out = io.StringIO()
    yaml.dump(document, out)
    written = out.getvalue().encode()
    read_manifest(written)
    return written


def _map_under(document: Any, *names: str) -> CommentedMap:
    """Return the mapping below some keys, made in block style where it is missing or empty."""
    for name in names:
        if not document.get(name):
            document[name] = CommentedMap()
        document = document[name]
    return cast(CommentedMap, document)
