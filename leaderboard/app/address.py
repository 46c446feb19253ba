"""The address as the state of the board: every choice is in it, every link carries it, and Back undoes a choice.

Streamlit can bind a widget to the address by itself, but then a click on another page drops the choice and Back does
not undo it. So widgets read their value from the address here, and write it when somebody changes it, which makes an
entry of the browser's history.

An address that names what is not there, or what several things are called, is answered in words (`begin`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from leaderboard.board.wording import inert
from leaderboard.reading.link_names import remark

PICKS = "pick"
"""Parameter of the rows that are picked for comparing and drawing."""
MAX_PICKS = 12
_CARRIED = ("spec", "track", PICKS, "submission", "by", "at", "columns", "schedules", "sparsities", "search")
"""Parameters that links between pages carry; what only one page knows stays behind."""


@dataclass(frozen=True)
class _Made:
    """The page that is being made: its name, where remarks on its address stand, and those made already."""

    name: str
    place: DeltaGenerator
    said: set[str] = field(default_factory=set[str])


_PAGE: ContextVar[_Made] = ContextVar("page")


@dataclass(frozen=True)
class Named:
    """What a widget chooses by name, for which an address that names something else is answered in words.

    Attributes:
        noun: what is chosen, for people.
        called: other names that an address may use, each with the options that it may mean, the one that is shown
            first.
        instead: what is shown where the address names nothing that is there; the default of the widget where empty.
    """

    noun: str
    called: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    instead: str = ""


def kept(
    key: str, options: Sequence[Any] | None, default: Any, label: Callable[[Any], str] = str, *, many: bool = False,
    most: int | None = None, named: Named | None = None,
) -> dict[str, Any]:
    """Return the arguments that keep the value of a widget in the address.

    Args:
        key: of the widget, and the name of the parameter.
        options: what may be chosen; None for any text.
        default: the value while the address says nothing; a list where `many`.
        label: what people see of an option; an address may name an option by it, too.
        many: whether several may be chosen.
        most: how many of an address count.
        named: what is chosen, where an address that names something else is answered in words.
    """
    raw, seen = st.query_params.get_all(key), f"address of {key}"
    here = _PAGE.get().name, raw  # widgets of one key on two pages are two: the state of one is nothing to the other
    value = st.session_state.get(key)
    meant = raw
    if named and options is not None:
        known = {str(each) for each in options} | {label(each) for each in options}
        meant = [named.called[text][0] if text not in known and text in named.called else text for text in raw]
        instead = named.instead or ("" if many or default is None else label(default))
        _remark(raw, known, named, instead if not known & set(meant) else "")
    if key not in st.session_state or st.session_state.get(seen) != here or not _is_valid(value, options, default):
        found = _read(meant, options, default, label, many=many)
        st.session_state[key] = found[:most] if many else found
        st.session_state[seen] = here
    return {"key": key, "on_change": _write, "args": (key, default)}


def begin(page: str) -> None:
    """Begin a page, with a place for remarks on its address: it may stop early, so that they are written at once."""
    _PAGE.set(_Made(page, st.container(key="remarks")))


def reset(*keys: str) -> None:
    """Forget what was chosen."""
    for key in keys:
        st.query_params.pop(key, None)


def _is_valid(value: Any, options: Sequence[Any] | None, default: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return options is None or value == default or all(each in options for each in values)


def _read(
    raw: list[str], options: Sequence[Any] | None, default: Any, label: Callable[[Any], str], *, many: bool
) -> Any:
    if options is None:
        return raw[-1] if raw else default
    by_text = {label(each): each for each in reversed(options)} | {str(each): each for each in reversed(options)}
    found = [by_text[text] for text in raw if text in by_text]
    if not found:
        return default
    return found if many else found[-1]


def _remark(texts: Sequence[str], known: Iterable[str], named: Named, instead: str) -> None:
    """Say which names in the address are not there, and which ones may mean something else; each once."""
    page = _PAGE.get()
    for text in texts:
        found = remark(text, named.noun, known, named.called, instead)
        if found and found not in page.said:
            page.said.add(found)
            page.place.info(inert(found), icon=":material/link:")


def _write(key: str, default: Any) -> None:
    value = st.session_state[key]
    if value in (default, None, "") or (isinstance(value, list) and not value):
        reset(key)
    else:
        st.query_params[key] = [str(each) for each in value] if isinstance(value, list) else str(value)
    page, _ = st.session_state[f"address of {key}"]
    st.session_state[f"address of {key}"] = page, st.query_params.get_all(key)


def link_parameters(**changed: str | Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the parameters of a link: the state of this page, with some changed and None left out."""
    found: dict[str, Sequence[str]] = {name: st.query_params.get_all(name) for name in _CARRIED}
    for name, value in changed.items():
        found[name] = [value] if isinstance(value, str) else value or ()
    return [(name, value) for name, values in found.items() for value in values]


def picks(names: Collection[str], called: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return the names that the address picks: those that are among `names`, and the others; at most `MAX_PICKS`.

    Args:
        names: what is there.
        called: other names that an address may use, as in `Named`.
    """
    raw = list(dict.fromkeys(st.query_params.get_all(PICKS)))[:MAX_PICKS]
    _remark(raw, names, Named("picked submission", called), "")
    meant = list(dict.fromkeys(called[name][0] if name not in names and name in called else name for name in raw))
    return [name for name in meant if name in names], [name for name in meant if name not in names]


def pick(names: Sequence[str]) -> None:
    """Write the picked names into the address."""
    if names:
        st.query_params[PICKS] = list(dict.fromkeys(names))[:MAX_PICKS]
    else:
        reset(PICKS)
