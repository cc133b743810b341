"""Names that a document gives to things, and which of them do not exist: what `test_docs.py` asks of each document."""

import ast
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from pathlib import Path

from sweeps.tables.studies import STUDY_TABLES
from tests.unit import commands_there_are as there_are

ROOT = there_are.ROOT
PACKAGES = ("trainer", "launch", "sharding", "sweeps", "benchmarks", "tests")
TREE = (*PACKAGES, "docs", ".ci", ".github")
"""The folders of the repository. Data, runs and environments beside them are the user's."""
_FENCE = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FAMILY = "|".join(sorted({name.split("-")[0] for name in there_are.PRESETS if "-" in name}))
_PLACEHOLDER = re.compile(r"\b(?:X|[A-Z]{3,}|mine)\b")


def missing_names(text: str, *, folder: Path = ROOT) -> list[str]:
    """What a Markdown document in `folder` names and nobody finds, each with what it was taken for."""
    code = code_of(text)
    checks: tuple[Callable[[str], Iterator[str]], ...] = (_commands, _make, _flags, _presets, _paths, _modules)
    found = [problem for snippet in code for check in checks for problem in check(snippet)]
    found += [problem for paragraph in text.split("\n\n") for problem in _shortened(paragraph)]
    return list(dict.fromkeys([*found, *_links(text, folder)]))


def code_of(text: str) -> list[str]:
    """Each line of the fenced blocks, continued lines joined, and each span between backticks."""
    blocks = "\n".join(_FENCE.findall(text)).replace("\\\n", " ").splitlines()
    spans = re.findall(r"`([^`]+)`", _FENCE.sub("", text))
    return [re.sub(r"\s#\s.*", "", line) for line in blocks] + [" ".join(span.split()) for span in spans]


def _commands(snippet: str) -> Iterator[str]:
    for line in re.findall(r"\bdiptych ((?:\[[A-Z]+\] )?[a-z].*?)(?=$|[;|&)])", snippet):
        command, *words = line.split()
        if command not in there_are.commands():
            yield f"no command: diptych {command}"
            continue
        word = words[0].strip("',\"") if words and re.match("(?!mine)[a-z]", words[0]) else ""
        known = {kind: there_are.kinds_of(kind) for kind in there_are.WITH_KINDS}
        known["table"] = frozenset({*there_are.TABLES, *STUDY_TABLES})
        if command in there_are.WITH_PRESET:
            known[command] = there_are.PRESETS | there_are.beside_presets(command)
        if word.endswith(".json"):  # a preset's file
            word = ""
        if word and command in known and word not in known[command]:
            yield f"nothing to follow diptych {command}: {word}"
        flags = there_are.flags_with(command, word)
        yield from (f"no flag of diptych {command} {word}: {flag}" for flag in _flags_in(line) if flag not in flags)


def _make(snippet: str) -> Iterator[str]:
    variables = re.findall(r"^# ?\s*(?:Variables:)?\s*([A-Z_]+)=", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for before, target, after in re.findall(r"(?:^|\s)((?:[A-Z_]+=\S+ )*)make ([a-z][a-z-]*)(.*)", snippet):
        if target not in there_are.targets():
            yield f"no make target: {target}"
            continue
        asked = re.findall(r"\b([A-Z_]+)=", before + after)
        yield from (f"no variable of make: {name}" for name in asked if name not in variables)
        flags = _flags_in(after) if "ARGS=" in after else []
        yield from (f"no flag of make {target}: {f}" for f in flags if f not in there_are.flags_of_target(target))


def _flags(snippet: str) -> Iterator[str]:
    """Flags that stand alone; a field of the configuration is one, too."""
    if snippet.startswith("--"):
        yield from (f"no flag: {flag}" for flag in _flags_in(snippet) if flag not in there_are.all_flags())
    sections = {flag[2:].partition(".")[0] for flag in there_are.all_flags() if "." in flag}
    if re.fullmatch(r"[a-z]+(\.(?!(?:py|md)$)[a-z_0-9]+)+", snippet) and snippet.partition(".")[0] in sections:
        flag = "--" + snippet.replace("_", "-")
        if not any(known == flag or known.startswith(f"{flag}.") for known in there_are.all_flags()):
            yield f"no field: {snippet}"


def _shortened(paragraph: str) -> Iterator[str]:
    """`.weight-r1` after `--method.adversarial.objective`, and `-season` after `photos-object-transfer`."""
    spans = re.findall(r"`([^`\n]+)`", paragraph)
    if any(span.startswith("--") for span in spans):
        ends = [span for span in spans if re.fullmatch(r"\.[a-z0-9-]+", span)]
        yield from (f"no flag ends so: {end}" for end in ends if not _ends_any(end, there_are.all_flags()))
    ends = [span for span in spans if re.fullmatch(r"-[a-z][a-z0-9-]{2,}", span)]
    yield from (f"no preset ends so: {end}" for end in ends if not _ends_any(end, there_are.PRESETS))


def _ends_any(end: str, names: frozenset[str]) -> bool:
    return any(name.endswith(end) for name in names)


def _flags_in(line: str) -> list[str]:
    return [flag.rstrip(".") for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*", line)]


def _presets(snippet: str) -> Iterator[str]:
    names = re.findall(rf"(?<![\w./-])(?:data/|runs/)?((?:{_FAMILY})-[a-z0-9-]*[a-z0-9])(?![\w.-])", snippet)
    yield from (f"no preset, table or embedded data set: {name}" for name in names if not there_are.is_preset(name))


def _paths(snippet: str) -> Iterator[str]:
    names = re.findall(r"(?<![\w./:{}*-])[\w.*{},/-]*[\w*}/](?::[\w.]+)?", snippet)
    for name in names:
        path, _, inside = name.partition(":")
        if not _is_path(path):
            continue
        files = _found(path)
        if not files:
            yield f"no file: {path}"
        elif inside and not any(inside in _defined(file) for file in files):
            yield f"no {inside} in {path}"


def _is_path(name: str) -> bool:
    """Whether it can be nothing but a path of this tree: a run, a data set and a cache have paths of their own."""
    if "/" in name:
        return name.partition("/")[0] in TREE
    return re.fullmatch(r"[\w*]+\.(py|md|toml)|requirements\.lock|test_[\w*]+", name) is not None


def _found(name: str) -> list[Path]:
    """The files that a path with placeholders, braces and stars may mean; a module's `.py` may be left out."""
    parts = re.split(r"\{([^}]*)\}", _PLACEHOLDER.sub("*", name).rstrip("/"))
    choices = [part.split(",") if place % 2 else [part] for place, part in enumerate(parts)]
    found = [_glob("".join(choice)) for choice in product(*choices)]
    return [path for paths in found for path in paths] if all(found) else []


@cache
def _glob(pattern: str) -> list[Path]:
    """A pattern without a folder may stand for files anywhere; what git ignores is not looked through."""
    if "/" in pattern or pattern in TREE:
        return list(ROOT.glob(pattern)) or list(ROOT.glob(f"{pattern}.py"))
    patterns = (pattern, f"{pattern}.py")
    return [path for path in _files() if any(fnmatchcase(path.name, wanted) for wanted in patterns)]


@cache
def _files() -> tuple[Path, ...]:
    inside = (path for folder in TREE for path in (ROOT / folder).rglob("*") if path.is_file())
    return (*inside, *(path for path in ROOT.iterdir() if path.is_file()))


@cache
def _defined(file: Path) -> frozenset[str]:
    """Functions, classes, `Class.method`s and constants of a module."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body if file.suffix == ".py" else []:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            found |= {f"{node.name}.{part.name}" for part in inner if isinstance(part, ast.FunctionDef)}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            aims = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {aim.id for aim in aims if isinstance(aim, ast.Name)}
    return frozenset(found)


def _modules(snippet: str) -> Iterator[str]:
    """`python -m NAME` and full dotted names: a module, or something in one."""
    for name in re.findall(rf"(?<![\w./-])(?:{'|'.join(PACKAGES)})(?:\.(?!py\b)\w+)+(?![\w./])", snippet):
        base, _, inside = name.replace(".", "/").rpartition("/")
        module = any(_found(form) for form in (f"{base}/{inside}.py", f"{base}/{inside}/__init__.py"))
        files = [file for form in (f"{base}.py", f"{base}/__init__.py") for file in _found(form)]
        if not module and f"{base}/{inside}" not in TREE and not any(inside in _defined(file) for file in files):
            yield f"no module, and nothing in one: {name}"


def _links(text: str, folder: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = folder / path if path else None
        if file is not None and not file.exists():
            yield f"no file to link to: {target}"
        elif anchor and anchor not in _anchors(file.read_text() if file else text):
            yield f"no heading to link to: {target}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-") for heading in headings}
