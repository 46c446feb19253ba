"""Private copies of submitted code, named by the code that they contain. Trainers read these and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmark.admission.gate import MANIFEST, Admitted, admit
from benchmark.files.atomic import replace_folder, unfinished_folder
from benchmark.store.layout import Home


def admit_a_copy(submission: Path, home: Home) -> Admitted:
    """Admit a submission into a private copy.

    A copy that is there already stays, unless it was damaged: trainers of another evaluation may be reading it.

    Raises:
        InvalidDocumentError: the submission is refused, with every problem.
    """
    with unfinished_folder(home.submissions, "submission") as new:
        admitted = admit(submission, new)
        final = home.submissions / f"{admitted.name}-{admitted.code_digest[:16]}"
        if not _holds_the_code_of(final, new):
            replace_folder(new, final)
    return replace(admitted, directory=final)


def _holds_the_code_of(there: Path, new: Path) -> bool:
    files = [path.relative_to(new) for path in new.rglob("*") if path.is_file() and path.name != MANIFEST]
    return all((there / name).is_file() and (there / name).read_bytes() == (new / name).read_bytes() for name in files)
