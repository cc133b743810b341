"""Confusion matrices as pictures: which classes are taken for which others."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sharding.storage.files import write_atomically

if TYPE_CHECKING:  # torch, which reports, for which headings are, have no use for
    from trainer.evaluation.metrics.segmentation import Confusion

MOST_CLASSES = 40
"""More cannot be read in one picture."""
TITLES = {
    "classes": "Classes of labelled pixels",
    "fcn": "Classes that the segmentation network finds",
    "masked": "Classes within the mask",
}
"""Which matrix it is, as in its file's name -> heading."""
_LARGEST_WITH_NUMBERS = 20
_DPI = 100


def draw_confusions(confusions: Sequence["Confusion"], *, beside: Path, about: str) -> dict[str, Path]:
    """Write a picture of each matrix that has something to show. Returns where they lie, by what they show.

    Args:
        beside: `evaluation.png` has `evaluation-classes.png` and `evaluation-fcn.png` beside it.
        about: which images they are of, for the pictures.
    """
    written: dict[str, Path] = {}
    for confusion in confusions:
        if not 2 <= len(confusion.names) <= MOST_CLASSES or not confusion.totals.sum():
            continue
        kind = confusion.prefix.rstrip("_") or "classes"
        path = beside.with_name(f"{beside.stem}-{kind}.png")
        write_atomically(path, _picture(confusion, title=f"{TITLES[kind]}: {about}"))
        written[kind] = path
    return written


def _picture(confusion: "Confusion", *, title: str) -> bytes:
    """A PNG: rows are the truth, columns what was given, a row is of 100 %; that of an absent class is grey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # not above: a run that trains draws nothing for long
    from matplotlib.figure import Figure

    names, of_truth = [_literal(name) for name in confusion.names], confusion.shares()
    side = 3.0 + 0.42 * len(names)
    figure = Figure(figsize=(side, side), layout="constrained", dpi=_DPI)
    axes = figure.add_subplot()
    axes.set_facecolor("0.85")
    axes.imshow(of_truth.numpy(), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("given")
    axes.set_ylabel("truth")
    axes.set_title(f"{_literal(title)}\n% of each row's pixels", fontsize=9, wrap=True)
    if len(names) <= _LARGEST_WITH_NUMBERS:
        for row, column in (of_truth >= 0.005).nonzero().tolist():
            value = of_truth[row, column].item()
            color = "white" if value > 0.5 else "black"
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color, fontsize=8)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _literal(text: str) -> str:
    """No formula, whatever a class is called."""
    return text.replace("$", r"\$")
