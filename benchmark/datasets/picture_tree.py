"""Trees of class folders, on disk or in an archive: which splits and classes there are. It decodes no picture.

It refuses to guess: a layout that can be read in two ways is refused in one sentence with what to do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.datasets.archive_members import ARCHIVES
from benchmark.datasets.file_names import class_name, is_by_product, is_document, role_of, shown
from benchmark.datasets.stored_files import StoredFiles, is_archive, list_files, place_in
from benchmark.spec import Problem, UserError

MAX_NAMED = 20
"""How many problems or names are written out; the others are counted."""


@dataclass(frozen=True)
class PictureTree:
    """Files under one folder of class folders.

    Attributes:
        stored: what the folder or archive holds that this is a part of.
        prefix: what comes before the class folders in names: "", or for instance "train/".
        names: names of all files below the prefix, `class/file` or deeper, sorted.
        documents: lists of labels, licences and the like beside the class folders, which are no pictures.
    """

    stored: StoredFiles
    prefix: str
    names: tuple[str, ...]
    documents: tuple[str, ...] = ()

    @staticmethod
    def of(root: Path, split: str | None = None) -> PictureTree:
        """List a folder or archive, passing over folders around everything, unless they are called like a split.

        Args:
            root: the folder or archive.
            split: which split it is, if it is one: such a folder around everything says nothing new.

        Raises:
            UserError: an archive is damaged, or something is no regular file.
        """
        stored = list_files(root)
        if stored.problems:
            raise UserError(shortened(stored.problems))
        tree = PictureTree(stored, "", tuple(stored.positions))._without_documents()
        while True:
            around = {name.split("/")[0] for name in tree.names}
            depth = min((name.count("/") for name in tree.names if not is_document(name)), default=0)
            if len(around) != 1 or role_of(min(around)) not in (None, split) or depth < 2:
                return tree
            tree = tree.below(around.pop())

    def below(self, folder: str) -> PictureTree:
        """Return the part of the tree below a folder."""
        names = (name.removeprefix(f"{folder}/") for name in self.names if name.startswith(f"{folder}/"))
        inner = PictureTree(self.stored, f"{self.prefix}{folder}/", tuple(names))._without_documents()
        return replace(inner, documents=self.documents + inner.documents)

    def empty_folders(self) -> list[str]:
        """Name folders beside the class folders that hold no file."""
        inside = (name.removeprefix(self.prefix) for name in self.stored.folders if name.startswith(self.prefix))
        filled = {name.split("/")[0] for name in self.names}
        return sorted({name.split("/")[0] for name in inside if name} - filled)

    def contents(self, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
        """Yield names and bytes of all files, in the order in which they are stored; `problems` gets what fails."""
        for name, content in self.stored.contents([self.prefix + name for name in self.names], problems):
            yield name.removeprefix(self.prefix), content

    def class_of(self, name: str) -> str:
        """Return the class of a file."""
        return class_name(name.split("/")[0])

    def place_of(self, name: str) -> str:
        """Say where a file is, for messages."""
        return place_in(self.stored.root, self.prefix + name)

    def _without_documents(self) -> PictureTree:
        beside = tuple(name for name in self.names if "/" not in name and is_document(name))
        dropped = set(beside)
        kept = tuple(name for name in self.names if name not in dropped)
        return replace(self, names=kept, documents=tuple(self.prefix + name for name in beside))


def find_trees(path: Path) -> dict[str, PictureTree]:
    """Find `train` and `test` below a folder or archive (or archives of these names in it), or else `all` of it.

    Raises:
        UserError: there is only one of the two, or something that is neither; or it can be read in two ways.
    """
    packed = packed_splits(path)
    if packed:
        trees = {split: PictureTree.of(archive, split) for split, archive in packed.items()}
    else:
        whole = PictureTree.of(path)
        folders = sorted({name.split("/")[0] for name in whole.names})
        trees = {"all": whole}
        if {role_of(folder) for folder in folders} & {"train", "test"}:
            trees = {split: whole.below(folder) for split, folder in _splits(path, folders).items()}
    problems = [problem for tree in trees.values() for problem in (*_loose(tree), *_two_ways(tree))]
    if problems:
        raise UserError(shortened(problems))
    return trees


def packed_splits(path: Path) -> dict[str, Path]:
    """Find archives called like splits in a folder; nothing else may be beside them.

    Raises:
        UserError: only one of the two is there, or something beside them.
    """
    if not path.is_dir():
        return {}
    beside = sorted(each for each in path.iterdir() if not each.name.startswith(".") and not is_by_product(each.name))
    archives = [each for each in beside if is_archive(each) and each.is_file()]
    if not any(role_of(_stem(each)) for each in archives):
        return {}
    others = [each.name for each in beside if each not in archives and not is_document(each.name)]
    found = _splits(path, [each.name for each in archives] + others)
    return {split: path / name for split, name in found.items()}


def shortened(problems: Sequence[Problem]) -> list[Problem]:
    """Keep the first problems, and count the others."""
    more = len(problems) - MAX_NAMED
    rest = [Problem(f"{more} more", "nothing wrong", "problems like these")] if more > 0 else []
    return [*problems[:MAX_NAMED], *rest]


def notes_on(trees: Mapping[str, PictureTree]) -> list[str]:
    """Say what was passed over or read in a way that somebody may not expect, in one sentence each."""
    stored = {tree.stored.root: tree.stored for tree in trees.values()}.values()
    deeper = sorted({"/".join(name.split("/")[:2]) for tree in trees.values() for name in tree.names
                     if name.count("/") > 1})  # fmt: skip
    named = {
        "passed over, as names with a dot in front are hidden": [name for each in stored for name in each.hidden],
        "passed over, as documents beside class folders": [n for tree in trees.values() for n in tree.documents],
        "stored more than once in the archive, of which the last counts": [n for each in stored for n in each.repeated],
        "folders inside class folders, whose pictures count to the outer class": deeper,
    }
    return [f"{len(set(names))} {what}: {listed(sorted(set(names)))}" for what, names in named.items() if names]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Write out the first names, and count the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def _stem(archive: Path) -> str:
    ending = max((each for each in ARCHIVES if archive.name.lower().endswith(each)), key=len)
    return archive.name[: -len(ending)]


def _splits(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the name of `train` and of `test` among folders or archives, which have to be these two alone."""
    roles = {name: role_of(_stem(Path(name)) if is_archive(Path(name)) else name) for name in names}
    found = {role: name for name, role in roles.items() if role in ("train", "test")}
    if len(names) == 2 and len(found) == 2:
        return {"train": found["train"], "test": found["test"]}
    validation = [name for name, role in roles.items() if role == "validation"]
    if validation and "test" not in found:
        remedy = f"; rename {shown(validation[0])} to test if its pictures are those to be scored"
    elif validation:
        remedy = f"; move {shown(validation[0])} away: `evaluate_on: validation` takes its pictures out of train"
    elif len(found) < len([name for name, role in roles.items() if role]):
        remedy = "; keep one of each"
    elif len(found) == 1 and len(names) > 2:
        remedy = f"; a class called {shown(min(found.values()))} needs another name"
    else:
        remedy = ""
    expected = "both train and test and nothing else, or class folders alone"
    raise UserError([Problem(shown(path), expected, ", ".join(map(shown, names)) + remedy)])


def _loose(tree: PictureTree) -> Iterator[Problem]:
    for name in tree.names:
        if "/" not in name:
            remedy = "; name this archive as the path" if is_archive(Path(name)) else ""
            yield Problem(tree.place_of(name), "a file in a class folder", f"one outside of any{remedy}")


def _two_ways(tree: PictureTree) -> Iterator[Problem]:
    """Yield splits inside of class folders, and class folders that some systems cannot tell apart."""
    inside = Counter("/".join(name.split("/")[:2]) for name in tree.names if name.count("/") > 1)
    splits = [name for name in inside if role_of(name.split("/")[1]) in ("train", "test")]
    if splits:
        expected = "train and test around the class folders (train/CLASS/...)"
        yield Problem(tree.place_of("").rstrip("/: "), expected, f"them inside: {listed(sorted(splits))}")
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for folder in {name.split("/")[0] for name in tree.names}:
        alike[class_name(folder).casefold()].add(folder)
    for folders in alike.values():
        if len(folders) > 1:
            expected = "class folders whose names differ in more than case or the form of their accents"
            yield Problem(tree.place_of("").rstrip("/: "), expected, ", ".join(map(shown, sorted(folders))))
