"""The address as the state of the board: every choice is in it, every link carries it, and Back undoes a choice.

Streamlit can bind a widget to the address by itself, but then a click on another page drops the choice and Back does
not undo it. So widgets read their value from the address here, and write it when somebody changes it, which makes an
entry of the browser's history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

PICKS = "pick"
"""Parameter of the rows that are picked for comparing and drawing."""
MAX_PICKS = 12
_CARRIED = ("spec", "track", PICKS, "submission", "by", "at", "columns", "schedules", "sparsities", "search")
"""Parameters that links between pages carry; what only one page knows stays behind."""


def kept(
    key: str, options: Sequence[Any] | None, default: Any, label: Callable[[Any], str] = str, *, many: bool = False,
    most: int | None = None,
) -> dict[str, Any]:
    """Return the arguments that keep the value of a widget in the address.

    Args:
        key: of the widget, and the name of the parameter.
        options: what may be chosen; None for any text.
        default: the value while the address says nothing; a list where `many`.
        label: what people see of an option; an address may name an option by it, too.
        many: whether several may be chosen.
        most: how many of an address count.
    """
    raw, seen = st.query_params.get_all(key), f"address of {key}"
    value = st.session_state.get(key)
    if key not in st.session_state or st.session_state.get(seen) != raw or not _is_valid(value, options, default):
        found = _read(raw, options, default, label, many=many)
        st.session_state[key] = found[:most] if many else found
        st.session_state[seen] = raw
    return {"key": key, "on_change": _write, "args": (key, default)}


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


def _write(key: str, default: Any) -> None:
    value = st.session_state[key]
    if value in (default, None, "") or (isinstance(value, list) and not value):
        reset(key)
    else:
        st.query_params[key] = [str(each) for each in value] if isinstance(value, list) else str(value)
    st.session_state[f"address of {key}"] = st.query_params.get_all(key)


def link_parameters(**changed: str | Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the parameters of a link: the state of this page, with some changed and None left out."""
    found: dict[str, Sequence[str]] = {name: st.query_params.get_all(name) for name in _CARRIED}
    for name, value in changed.items():
        found[name] = [value] if isinstance(value, str) else value or ()
    return [(name, value) for name, values in found.items() for value in values]


def picks() -> list[str]:
    """Return the names that the address picks, at most `MAX_PICKS`; what is no submission is for the caller to drop."""
    return list(dict.fromkeys(st.query_params.get_all(PICKS)))[:MAX_PICKS]


def pick(names: Sequence[str]) -> None:
    """Write the picked names into the address."""
    if names:
        st.query_params[PICKS] = list(dict.fromkeys(names))[:MAX_PICKS]
    else:
        reset(PICKS)
