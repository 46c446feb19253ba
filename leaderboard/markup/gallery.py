"""Forgotten images as a grid of pictures, each with what the models said before and after pruning."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from leaderboard.board.exemplars import Exemplar
from leaderboard.board.wording import one_line
from leaderboard.markup.fragments import render
from leaderboard.reading.pictures import enlarge

MAX_NAME = 10


def gallery_html(
    found: Sequence[Exemplar], images_NCHW: NDArray[np.uint8] | None, names: Mapping[str, str], *, chosen: int | None,
    is_static: bool = False,
) -> str:  # fmt: skip
    """Write a grid in which every picture is a button that names its test image.

    Args:
        found: the images, in order.
        images_NCHW: all test images, uint8 (N, 1 or 3, height, width); None where they are not at hand.
        names: name of every class by its number.
        chosen: the image that is open, marked in the grid.
        is_static: for a page on which nothing can be clicked: the true class is written below instead.
    """
    cards = [
        {
            "example": each.example, "is_chosen": each.example == chosen,
            "said": " → ".join(one_line(names.get(str(c), str(c)), MAX_NAME) for c in (each.dense, each.pruned)),
            "true": one_line(names.get(str(each.label), str(each.label)), MAX_NAME),
            "about": f"Test image {each.example}, true class {names.get(str(each.label), str(each.label))}, "
                     f"strength {each.strength:+.2f}",
            "source": "" if images_NCHW is None else picture_address(images_NCHW[each.example]),
        }
        for each in found
    ]  # fmt: skip
    return render("static_gallery.html.j2" if is_static else "gallery.html.j2", cards=cards)


def picture_address(image_CHW: NDArray[np.uint8]) -> str:
    """Return an image as a `data:` address of a PNG, pixel by pixel."""
    out = io.BytesIO()
    enlarge(image_CHW, 1).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
