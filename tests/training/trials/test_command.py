"""The command line of trials: the answer stands alone on standard output, whatever a submission prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.training.tiny import BATCH_SIZE, job_without_segments

CHATTY = """
import os, sys
import torch
from torch import nn
from benchmark.method.contract import Method

print("imported")

class Chatty(Method):
    def loss(self, encoder, views_VBCHW, labels_B):
        print("a loss, printed")
        os.write(1, b"and written to the descriptor itself")
        return encoder(views_VBCHW[0]).square().mean()
"""


def run_trial(module: str, folder: Path, method: str) -> subprocess.CompletedProcess[str]:
    (folder / "submission").mkdir()
    (folder / "submission" / "method.py").write_text(method, encoding="utf-8")
    (folder / "job.json").write_text(job_without_segments().model_dump_json(), encoding="utf-8")
    command = [
        sys.executable, "-I", "-m", f"benchmark.training.trials.{module}", "--job", str(folder / "job.json"),
        "--submission", str(folder / "submission"), "--image-shape", "1", "8", "8",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_rehearsal_answers_with_json_alone_while_the_submission_prints(tmp_path: Path) -> None:
    done = run_trial("rehearsal", tmp_path, CHATTY)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert all(text in done.stderr for text in ("imported", "a loss, printed", "written to the descriptor itself"))


def test_a_timing_answers_with_the_fields_of_a_measurement(tmp_path: Path) -> None:
    done = run_trial("timing", tmp_path, CHATTY)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"seconds", "images", "peak_bytes", "model_bytes", "most_models"}
    assert answer["images"] == BATCH_SIZE
    assert 0 < answer["seconds"] < 5
    assert answer["peak_bytes"] > answer["model_bytes"] > 4 * 1210
