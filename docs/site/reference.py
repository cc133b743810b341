"""The reference of what is useful to Python programs that use Diptych, made of docstrings."""

from pathlib import Path

from docs.site.docstrings import as_markdown
from docs.site.sources import ROOT, Described, Module, module_of

GROUPS: dict[str, tuple[str, ...]] = {
    "Trained runs": ("trainer/runs/opened.py", "trainer/inference/translator.py", "trainer/inference/translate.py"),
    "Configurations": (
        "trainer/presets/__init__.py",
        "trainer/runs/config.py",
        "trainer/config/section.py",
        "trainer/config/bounds.py",
        "trainer/config/domains.py",
    ),
    "Data": (
        "sharding/format/manifest.py",
        "sharding/reading/reader.py",
        "trainer/data/batch.py",
        "trainer/data/loader.py",
        "trainer/data/order.py",
    ),
    "Methods": ("trainer/config/method.py", "trainer/methods/base.py", "trainer/methods/registry.py"),
    "Losses": ("trainer/losses/*.py",),
    "Networks": ("trainer/networks/*.py",),
    "Scores": ("trainer/evaluation/score.py", "trainer/evaluation/scores.py", "trainer/evaluation/metrics/base.py"),
    "Sweeps": ("sweeps/spaces/space.py", "sweeps/spaces/catalogue.py", "sweeps/spaces/text.py"),
}
"""Files by what they are for."""


def reference_pages() -> dict[str, str]:
    """The pages by their paths: one of each group, and the first one, which lists what is in them."""
    pages = {f"docs/api/{_slug(title)}.md": _page(title, _modules(files)) for title, files in GROUPS.items()}
    return {**pages, "docs/api.md": _first_page()}


def _modules(patterns: tuple[str, ...]) -> list[Module]:
    files = [file for pattern in patterns for file in _found(pattern)]
    modules = [module_of(file) for file in files]
    return [module for module in modules if module.classes or module.functions]


def _found(pattern: str) -> list[Path]:
    files = sorted(file for file in ROOT.glob(pattern) if file.name != "__init__.py" or "*" not in pattern)
    if not files:
        raise FileNotFoundError(f"{pattern}: no such file; mend GROUPS in {Path(__file__).name}.")
    return files


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")


def _first_page() -> str:
    head = (
        "# Reference\n\nFunctions and classes for programs of your own. Commands have `--help`; settings are in"
        " [configuration](configuration.md). Not all of this is settled before the first release.\n"
    )
    parts = [
        f"\n## [{title}](api/{_slug(title)}.md)\n\n"
        + "".join(f"- `{module.name}`: {as_markdown(module.text).splitlines()[0]}\n" for module in _modules(files))
        for title, files in GROUPS.items()
    ]
    return head + "".join(parts)


def _page(title: str, modules: list[Module]) -> str:
    return f"# {title}\n" + "".join(_module(module) for module in modules)


def _module(module: Module) -> str:
    head = f"\n## {module.name}\n\n```{{py:module}} {module.name}\n```\n\n{as_markdown(module.text)}\n\n"
    classes = "".join(_directive("class", described) for described in module.classes)
    return head + classes + "".join(_directive("function", described) for described in module.functions)


def _directive(kind: str, described: Described) -> str:
    """As Sphinx knows Python: it can be searched for, and linked to."""
    fence = "`" * (4 if kind == "class" else 3)
    is_property = not described.signature.startswith("(")
    if kind == "method" and is_property:
        kind, signature = "property", ""
    else:
        signature = described.signature
    members = "".join(_directive("method", member) for member in described.members)
    return f"{fence}{{py:{kind}}} {described.name}{signature}\n{as_markdown(described.text)}\n\n{members}{fence}\n\n"
