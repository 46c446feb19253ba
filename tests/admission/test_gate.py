from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path

import pytest

from benchmark.admission.directory import MAX_FILES, MAX_TOTAL_BYTES
from benchmark.admission.gate import Admitted, admit, submission_digest
from benchmark.spec.documents.loading import InvalidDocumentError

MANIFEST = """\
name: mine
authors: [A]
description: d
supervision: none
hyperparameters: {rate: 0.1}
overrides: {digits: {rate: 0.2}, cifar10: {rate: 0.3}}
"""
METHOD = "from benchmark.method.contract import Method\n\n\nclass Mine(Method):\n    pass\n"


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / "submission.yaml").write_text(MANIFEST)
    (directory / "method.py").write_text(METHOD)
    return directory


def admitted(directory: Path) -> Admitted:
    """Admit into a fresh place beside the submission."""
    return admit(directory, directory.parent / f"copy{len(list(directory.parent.iterdir()))}")


def refusal(directory: Path) -> list[str]:
    copy, start = directory.parent / "copy", time.monotonic()
    with pytest.raises(InvalidDocumentError) as caught:
        admit(directory, copy)
    assert time.monotonic() - start < 30, "hostile entries must not block"
    assert not copy.exists()
    messages = str(caught.value).splitlines()
    assert len(messages) == len(caught.value.problems)
    assert all(message.isprintable() for message in messages)
    return messages


SHIPPED = sorted((Path(__file__).parents[2] / "submissions").glob("[!_]*/method.py"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_submissions_are_admitted_without_remarks(path: Path, tmp_path: Path) -> None:
    found = admit(path.parent, tmp_path / "copy")
    assert (found.name, found.warnings) == (path.parent.name, ())


def test_the_copy_is_byte_for_byte_what_was_judged(submission: Path) -> None:
    (submission / "losses").mkdir()
    (submission / "losses" / "nce.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n# \xc3\xa9")
    (submission / "README.md").write_text("# Mine\n")
    found = admitted(submission)
    copied = {str(path.relative_to(found.directory)): path.read_bytes() for path in found.directory.rglob("*.*")}
    assert copied == {
        "submission.yaml": MANIFEST.encode(), "method.py": METHOD.encode(), "README.md": b"# Mine\n",
        "losses/nce.py": b"\xef\xbb\xbfx = 1\r\n# \xc3\xa9",
    }  # fmt: skip


def test_nothing_is_executed_and_nothing_is_imported(submission: Path, tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    (submission / "method.py").write_text(f"open({str(trap)!r}, 'w')\n{METHOD}open({str(trap)!r}, 'w')\n")
    (submission / "sitecustomize.py").write_text(f"open({str(trap)!r}, 'w')\n")
    admitted(submission)
    assert not trap.exists()


def test_compiled_leftovers_are_passed_over(submission: Path) -> None:
    before = admitted(submission).code_digest
    (submission / "__pycache__").mkdir()
    (submission / "__pycache__" / "method.cpython-311.pyc").write_bytes(b"\x00\xff")
    after = admitted(submission)
    assert after.code_digest == before
    assert not (after.directory / "__pycache__").exists()


def test_the_code_digest_follows_names_and_contents_of_all_files_but_the_manifest(submission: Path) -> None:
    (submission / "a.py").write_text("x = 1\n")
    digests = [admitted(submission).code_digest]
    (submission / "submission.yaml").write_text(MANIFEST.replace("description: d", "description: other"))
    assert admitted(submission).code_digest == digests[0]
    (submission / "a.py").rename(submission / "b.py")
    digests.append(admitted(submission).code_digest)
    (submission / "b.py").write_text("x = 2\n")
    digests.append(admitted(submission).code_digest)
    (submission / "method.py").write_text(METHOD + "\n")
    digests.append(admitted(submission).code_digest)
    (submission / "data.txt").write_text("")
    digests.append(admitted(submission).code_digest)
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("old", "new", "digits_change", "cifar10_change"),
    [
        ("description: d", "description: e", False, False),
        ("name: mine", "name: yours", False, False),
        ("[A]", "[B, C]", False, False),
        ("cifar10: {rate: 0.3}", "cifar10: {rate: 0.4}", False, True),
        ("cifar10: {rate: 0.3}", "cifar10: {}", False, True),
        ("digits: {rate: 0.2}", "digits: {rate: 0.20}", False, False),
        ("digits: {rate: 0.2}", "digits: {rate: 0.5}", True, False),
        ("rate: 0.1}", "rate: 0.1, depth: 1}", True, True),
        ("rate: 0.1}", "rate: 0.7}", False, False),
        ("supervision: none", "supervision: labels", True, True),
        ("supervision: none", "supervision: none\ncapturable: true", False, False),
    ],
)
def test_only_what_changes_training_on_a_dataset_changes_its_digest(
    submission: Path, old: str, new: str, digits_change: bool, cifar10_change: bool
) -> None:
    def digests() -> tuple[str, str]:
        found = admitted(submission)
        manifest, code = found.manifest, found.code_digest
        return submission_digest(manifest, code, "digits"), submission_digest(manifest, code, "cifar10")

    before = digests()
    assert old in MANIFEST
    (submission / "submission.yaml").write_text(MANIFEST.replace(old, new))
    after = digests()
    assert (before[0] != after[0], before[1] != after[1]) == (digits_change, cifar10_change)


def test_the_submission_digest_is_pinned(submission: Path) -> None:
    manifest = admitted(submission).manifest
    text = '{"code":"' + "0" * 64 + '","hyperparameters":{"rate":0.2},"supervision":"none"}'
    assert submission_digest(manifest, "0" * 64, "digits") == hashlib.sha256(text.encode()).hexdigest()


def test_links_pipes_and_sockets_are_refused_at_once(submission: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("x = 1\n")
    (submission / "link.py").symlink_to(tmp_path / "secret.py")
    (submission / "folder").symlink_to("/etc")
    (submission / "dangling").symlink_to("nowhere")
    os.link(tmp_path / "secret.py", submission / "hard.py")
    os.mkfifo(submission / "pipe.py")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(submission / "socket"))
        assert refusal(submission) == [
            "dangling: expected a regular file, got a symbolic link",
            "folder: expected a regular file, got a symbolic link",
            "hard.py: expected a file with one name, got one of 2 hard links to the same file",
            "link.py: expected a regular file, got a symbolic link",
            "pipe.py: expected a regular file, got a pipe",
            "socket: expected a regular file, got a socket",
        ]


def test_required_files_that_are_pipes_or_links_are_refused_once(submission: Path) -> None:
    for name in ("submission.yaml", "method.py"):
        (submission / name).unlink()
    os.mkfifo(submission / "submission.yaml")
    (submission / "method.py").symlink_to("/dev/zero")
    assert refusal(submission) == [
        "method.py: expected a regular file, got a symbolic link",
        "submission.yaml: expected a regular file, got a pipe",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_devices_are_refused_unopened(submission: Path) -> None:
    try:
        os.mknod(submission / "zero", 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this machine makes no devices")
    assert refusal(submission) == ["zero: expected a regular file, got a device"]


def test_a_link_to_a_directory_is_no_submission(submission: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(submission)
    (message,) = refusal(tmp_path / "other")
    assert "a directory that can be read, not a link to one" in message


@pytest.mark.parametrize("name", ["nowhere", "a\0b", "\x1b[2J"])
def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    (message,) = refusal(tmp_path / name)
    assert "expected a directory that can be read" in message


@pytest.mark.parametrize("name", [".git", "a b", "x" * 65, "é.py", "a\nb", "\x1b[2J", "-rf", "a\\b", "$(id)"])
def test_odd_and_hidden_names_are_refused_and_escaped(submission: Path, name: str) -> None:
    (submission / name).write_text("x")
    (message,) = refusal(submission)
    assert "expected a name of 1 to 64 letters" in message


def test_names_that_are_no_text_are_refused(submission: Path) -> None:
    try:
        (Path(os.fsdecode(bytes(submission) + b"/\xff.py"))).write_text("x")
    except OSError:
        pytest.skip("this file system has only names that are text")
    (message,) = refusal(submission)
    assert "\\udcff" in message


def test_a_hidden_folder_is_not_descended_into(submission: Path) -> None:
    (submission / ".git").mkdir()
    for number in range(300):
        (submission / ".git" / str(number)).write_text("x")
    (message,) = refusal(submission)
    assert message.startswith("'.git': expected a name")


def test_names_that_differ_by_capitals_only_are_refused(submission: Path) -> None:
    (submission / "Method.py").write_text("x = 1\n")
    (message,) = refusal(submission)
    assert message == "method.py: expected names that differ by more than capital letters, got Method.py beside it"


def test_the_number_of_files_is_exact(submission: Path) -> None:
    for number in range(MAX_FILES - 2):
        (submission / f"f{number}.txt").write_text("x")
    assert admitted(submission).name == "mine"
    (submission / "one_more.txt").write_text("x")
    assert refusal(submission) == [f"submission: expected at most {MAX_FILES} files, got more"]


def test_a_folder_of_very_many_entries_is_not_read_to_its_end(submission: Path) -> None:
    for number in range(2000):
        (submission / f"d{number}").mkdir()
    assert refusal(submission) == [f"submission: expected at most {MAX_FILES} files, got more than 256 entries"]


def test_the_total_size_is_exact_and_counts_every_folder(submission: Path) -> None:
    used = len(MANIFEST) + len(METHOD)
    (submission / "sub").mkdir()
    text = ("# a line of prose that compresses very well\n" * 10_000)[: MAX_TOTAL_BYTES - used - 10]
    (submission / "sub" / "big.txt").write_text(text)
    (submission / "small.txt").write_text("x" * 10)
    assert admitted(submission).name == "mine"
    (submission / "small.txt").write_text("x" * 11)
    (message,) = refusal(submission)
    assert message.endswith(f"expected at most {MAX_TOTAL_BYTES} bytes in all files together, got more, with this file")


def test_a_sparse_terabyte_is_refused_at_once(submission: Path) -> None:
    with (submission / "huge.txt").open("wb") as file:
        file.truncate(1 << 40)
    (message,) = refusal(submission)
    assert message.startswith("huge.txt: expected at most")


def test_folders_are_limited_in_depth(submission: Path) -> None:
    deepest = submission / "a" / "b" / "c"
    deepest.mkdir(parents=True)
    (deepest / "x.txt").write_text("x")
    assert (admitted(submission).directory / "a/b/c/x.txt").read_text() == "x"
    (deepest / "d").mkdir()
    assert refusal(submission) == ["a/b/c/d/: expected at most 4 levels of folders, got a deeper one"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\xff", "x.txt:2: expected UTF-8 text, got the byte 0xff"),
        (b"a\nb\n\x00", "x.txt:3: expected text, got the control character '\\x00'"),
        (b"\x1b[2J", "x.txt:1: expected text, got the control character '\\x1b'"),
        (b"PK\x03\x04", "x.txt:1: expected text, got the control character '\\x03'"),
    ],
)
def test_bytes_that_are_no_text_are_refused(submission: Path, data: bytes, message: str) -> None:
    (submission / "x.txt").write_bytes(data)
    assert refusal(submission) == [message]


def test_both_files_are_required(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == [
        "submission.yaml: expected this file in every submission, got nothing (the file is missing)",
        "method.py: expected this file in every submission, got nothing (the file is missing)",
    ]


def test_all_problems_come_together_with_file_and_line(submission: Path) -> None:
    (submission / "submission.yaml").write_text(MANIFEST.replace("none", "label").replace("mine", "../x"))
    (submission / "method.py").write_text(METHOD + "class Two(Method): ...\n")
    (submission / "helper.py").write_text("x = 1\ndef f(:\n")
    (submission / "data.txt").write_bytes(b"\n\n\xff")
    (submission / "link").symlink_to("x")
    assert [message.split(": expected")[0] for message in refusal(submission)] == [
        "link", "submission.yaml:1: name", "submission.yaml:4: supervision", "data.txt:3", "helper.py:2", "method.py:6",
    ]  # fmt: skip


def test_a_manifest_that_is_no_text_is_one_problem(submission: Path) -> None:
    (submission / "submission.yaml").write_bytes(b"name: x\n\xff")
    assert refusal(submission) == ["submission.yaml:2: expected UTF-8 text, got other bytes"]


def test_remarks_for_the_reviewer_do_not_refuse(submission: Path) -> None:
    (submission / "method.py").write_text(METHOD + f"TABLE = {'x' * 5000!r}\n")
    found = admitted(submission)
    assert any(remark.startswith("method.py:6: a literal of 5000 bytes") for remark in found.warnings)


def test_a_place_that_is_taken_is_left_alone(submission: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    admit(submission, taken)
    with pytest.raises(FileExistsError, match="empty directory"):
        admit(submission, taken)


def test_the_largest_submission_is_admitted(submission: Path) -> None:
    body = "def f{0}(a, b):\n    return [a + {0}, b * 0.5, 'text {0}', (a, b)]\n\n\n"
    source = "".join(body.format(number) for number in range(10_000))
    size = (MAX_TOTAL_BYTES - len(MANIFEST) - len(METHOD)) // 60
    for number in range(60):
        (submission / f"m{number}.py").write_text(source[:size].rpartition("\n\n\n")[0] + "\n")
    assert admitted(submission).name
