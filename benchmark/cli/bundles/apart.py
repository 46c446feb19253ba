"""Computing the numbers of foreign records again in a process of its own, whose memory and time are bounded.

Their parquet files come from strangers: whatever reading them does ends with that process. `python -m` runs it with
paths of records, whose signatures were checked before; it prints what came of each as JSON.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from benchmark.bundles.judging import believing
from benchmark.bundles.packing import BadBundle
from benchmark.cli.recomputation import Recomputation, recompute_record
from benchmark.executors.child_process import child_environment
from benchmark.recording.trust import Trust

logger = logging.getLogger(__name__)

_LIMIT_S = 3600
_LIMIT_BYTES = 16 * 2**30
_FOUND = TypeAdapter(list[Recomputation])


def recompute_apart(records: Sequence[Path]) -> list[Recomputation]:
    """Compute the numbers of records again, whoever signed them.

    Raises:
        BadBundle: that took more than an hour or 16 GiB of memory, or ended the process.
    """
    command = [sys.executable, "-I", "-m", __name__, *map(str, records)]
    try:
        done = subprocess.run(
            command, env=child_environment(), capture_output=True, stdin=subprocess.DEVNULL, timeout=_LIMIT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadBundle(f"computing its numbers again took more than {_LIMIT_S} s") from None
    if done.returncode:
        logger.info("computing numbers again ended with %d: %s", done.returncode, done.stderr[-2000:])
        raise BadBundle("its numbers cannot be computed again: the files beside its records end what reads them")
    return _FOUND.validate_python(json.loads(done.stdout))


def main(records: Sequence[Path]) -> None:
    """Print what came of computing each record again, as a JSON list."""
    for limit, number in ((resource.RLIMIT_AS, _LIMIT_BYTES), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(limit, (number, number))
        except (OSError, ValueError) as error:
            logger.debug("this system does not bound its processes: %s", error)
    found = [recompute_record(path, believing(Trust({}), path)) for path in records]
    print(json.dumps([{**vars(each), "path": str(each.path), "counts": dict(each.counts)} for each in found]))


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
