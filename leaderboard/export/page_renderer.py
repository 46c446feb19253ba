"""Turns plain data into HTML pages: templates with escaping always on, one style sheet, and no script anywhere.

A policy on every page lets a browser run nothing and ask no other server: only the style sheet within the page, which
is named by its digest, and images within the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from leaderboard.markup.fragments import environment, style

TEMPLATES = Path(__file__).with_name("templates")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def literal(text: str) -> str:
    """Drop control characters and marks that reorder what is read; line ends and tabs stay."""
    return _UNSEEN.sub("", text)


class PageRenderer:
    """The templates, and what all pages of a site share."""

    def __init__(self) -> None:
        shared = "".join(map(style, ("table", "gallery", "intervals")))
        sheet = shared + (TEMPLATES / "style.css").read_text(encoding="utf-8")
        icon = (Path(__file__).parents[1] / "favicon.svg").read_text(encoding="utf-8").strip()
        digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
        self._environment = environment(TEMPLATES)
        self._environment.filters["literal"] = literal
        self._common = {
            "style": Markup(sheet),
            "policy": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
                      "form-action 'none'",
            "icon": f"data:image/svg+xml,{quote(icon)}",
        }  # fmt: skip

    def render(self, template: str, *, root: str, **data: object) -> str:
        """Fill a template.

        Args:
            template: its name.
            root: way from the page to the root of the site, empty or `../`.
            data: what it shows.
        """
        return self._environment.get_template(template).render(root=root, **self._common, **data)
