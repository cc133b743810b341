"""A page for each method, made of its folder, its section and its presets."""

import re
from pathlib import Path

from docs.site.docstrings import as_markdown
from docs.site.sections import all_inner, inner_sections, table_of
from docs.site.sources import ROOT, Described, module_of
from launch.preset_lines import line_of
from trainer.config.method import MethodConfig
from trainer.config.section import Section
from trainer.methods.registry import config_class, method_names
from trainer.presets import load_preset, preset_names
from trainer.runs.config import RunConfig

_LEARNS = {
    "paired": "pairs of images that belong together",
    "unpaired": "images of two kinds that need not belong together",
    "single": "images of one kind",
}


def method_pages() -> dict[str, str]:
    """The pages by their paths: one of each method, and one of the sections that methods and runs are made of."""
    pages = {f"docs/methods/{name}.md": _page(name) for name in method_names()}
    return {**pages, "docs/configuration.md": _configuration()}


def _page(name: str) -> str:
    folder = ROOT / "trainer" / "methods" / name
    text = module_of(folder / "__init__.py").text
    title = re.split(r"[:(,]", " ".join(text.split()))[0].removeprefix("The ").strip()
    parts = [
        f"# {title}\n\n{as_markdown(text)}\n\n{_facts(config_class(name))}",
        _pictures(name),
        "## How it learns\n",
        *(f"### {kind.name}\n\n{as_markdown(kind.text)}\n" for kind in _classes(folder)),
        f"## Its settings\n\nAs `method` of a run: `--method.FIELD` on the command line.\n\n{_settings(name)}",
        f"## Its presets\n\n{_presets(name)}",
        f"The code: `trainer/methods/{name}/`. [All methods](../methods.md), with figures and pictures.\n",
    ]
    return "\n".join(part for part in parts if part)


def _facts(kind: type[MethodConfig]) -> str:
    makes = [
        text
        for is_so, text in (
            (kind.translates, "translations"),
            (kind.translates_back, "translations back"),
            (kind.draws, "new images from noise"),
            (kind.shows_labels, "images of a wanted label"),
        )
        if is_so
    ]
    needs = [text for is_so, text in ((kind.needs_label, "a label"), (kind.needs_view_c, "a third view")) if is_so]
    players = [*kind.discriminators, *kind.generators]
    lines = [
        f"- learns from {' and '.join([_LEARNS[kind.pairing], *needs])}",
        f"- makes {', '.join(makes)}",
        f"- players: {', '.join(f'`{player}`' for player in players)}",
        f"- sizes: {'that of its crops in training only' if kind.fixed_size else 'any that its networks can halve'}",
        f"- recipe of its paper: {_recipe(kind)}",
    ]
    return "\n".join(lines) + "\n"


def _recipe(kind: type[MethodConfig]) -> str:
    optimizer = kind.recipe.optimizer
    return f"{optimizer.algorithm}, rate {optimizer.lr:g}, {optimizer.schedule}, batches of {kind.recipe.batch_size}"


def _pictures(name: str) -> str:
    presets = [preset for preset in preset_names() if load_preset(preset).method.name == name]
    images = [image for image in sorted((ROOT / "docs" / "images").glob("*.png")) if _shows(image, name, presets)]
    return "".join(f"![{image.stem}](../images/{image.name})\n" for image in images)


def _shows(image: Path, name: str, presets: list[str]) -> bool:
    """An image that is called as the method or one of its presets, or as the task at a preset's end."""
    return image.stem == name or any(preset in (image.stem, f"earth-{image.stem}") for preset in presets)


def _classes(folder: Path) -> list[Described]:
    files = sorted(folder.glob("*.py"), key=lambda file: (file.name != "method.py", file.name))
    return [kind for file in files if file.stem not in ("__init__", "config") for kind in module_of(file).classes]


def _settings(name: str) -> str:
    kind = config_class(name)
    inner = [
        f"- `{field}`: [{section.__name__}](../configuration.md#{section.__name__.lower()})"
        for field, section in inner_sections(kind).items()
    ]
    sections = "\nSections within it:\n\n" + "\n".join(inner) + "\n" if inner else ""
    return table_of(kind) + sections


def _presets(name: str) -> str:
    presets = [preset for preset in preset_names() if load_preset(preset).method.name == name]
    return "| preset | |\n|---|---|\n" + "".join(
        f"| `{preset}` | {line_of(preset).replace('<->', '&harr;').replace('->', '&rarr;')} |\n" for preset in presets
    )


def _configuration() -> str:
    """The sections of a run, then those that methods are made of."""
    whole = [kind for name, kind in inner_sections(RunConfig).items() if name != "method"]
    of_methods = [kind for name in method_names() for kind in inner_sections(config_class(name)).values()]
    sections = all_inner([*whole, *of_methods])
    head = (
        "# Configuration\n\nEvery field of a run. A flag of `diptych train` is the path to its field, as in"
        " `--optimizer.lr`; `method` is the section of the [method](methods.md).\n\n"
    )
    paths = "".join(
        f"- `{name}`: [{kind.__name__}](#{kind.__name__.lower()})\n"
        for name, kind in inner_sections(RunConfig).items()
        if name != "method"
    )
    return head + paths + "".join(_section(kind) for kind in sections)


def _section(kind: type[Section]) -> str:
    inner = [
        f"- `{name}`: [{part.__name__}](#{part.__name__.lower()})\n" for name, part in inner_sections(kind).items()
    ]
    within = "\n" + "".join(inner) if inner else ""
    return f"\n## {kind.__name__}\n\n{kind.__doc__ or ''}\n\n{table_of(kind)}{within}"
