"""Which pages the site has, in which order; a page of `docs/` that is named nowhere comes under the last heading."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

SECTIONS: dict[str, tuple[str, ...]] = {
    "Begin": ("docs/tutorials", "docs/faq", "docs/migration", "docs/troubleshooting"),
    "Your data": ("docs/data", "docs/remote"),
    "Training": (
        "docs/runs",
        "docs/fine-tuning",
        "docs/monitoring",
        "docs/order",
        "docs/plan",
        "docs/memory",
        "docs/engine",
    ),
    "Many machines": ("docs/cluster", "docs/slurm", "docs/ray", "docs/scaling"),
    "How good it is": ("docs/scores", "docs/segmentation", "docs/study", "docs/results"),
    "Sweeps": ("docs/sweeps",),
    "Using a run": ("docs/translate", "docs/using"),
    "Methods": ("docs/methods", "docs/methods/*"),
    "Reference": ("docs/configuration", "docs/api", "docs/api/*"),
    "Inside": ("docs/architecture", "docs/map", "docs/glossary", "CONTRIBUTING", "SECURITY"),
    "What was measured": (
        "docs/log",
        "benchmarks/step",
        "benchmarks/data",
        "benchmarks/limits",
        "benchmarks/scale",
        "CHANGELOG",
    ),
    "More": (),
}
"""Pages without `.md`, by the heading above them; `*` stands for all that are made of code."""


def toctrees(pages: Iterable[Path]) -> str:
    """The contents, as the first page ends with them: unseen there, for the theme shows them beside every page.

    Args:
        pages: their paths from the first page's folder.
    """
    named = [pattern for patterns in SECTIONS.values() for pattern in patterns]
    there_are = sorted(str(page.with_suffix("")) for page in pages if page.suffix == ".md")
    others = tuple(
        page for page in there_are if page.startswith("docs/") and not any(fnmatchcase(page, name) for name in named)
    )
    sections = {**SECTIONS, "More": (*SECTIONS["More"], *others)}
    return "".join(_toctree(heading, pages) for heading, pages in sections.items() if pages)


def _toctree(heading: str, pages: tuple[str, ...]) -> str:
    return "\n".join(["", "```{toctree}", ":hidden:", ":glob:", f":caption: {heading}", "", *pages, "```", ""])
