"""report.json and report.md in the folder of a study."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sharding.console import markdown_table, markdown_text, printable
from sharding.storage.files import write_atomically
from trainer.study.report.contents import Contents
from trainer.study.report.tables import make_tables, summary

JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"


def write_files(folder: Path, contents: Contents) -> None:
    """Write both, each whole or not at all. Raises OSError."""
    write_atomically(folder / JSON, json.dumps(to_record(contents), indent=1).encode())
    write_atomically(folder / MARKDOWN, printable(to_markdown(contents)).encode())


def to_record(contents: Contents) -> dict[str, Any]:
    """All numbers, for programs: shares from 0 to 1, grades from 0 to 4. Of the design only what was asked."""
    design = contents.design
    record = {name: value for name, value in asdict(contents).items() if name not in ("design", "chosen")}
    asked = {name: getattr(design, name) for name in ("protocol", "title", "methods", "num_practice", "num_counted")}
    return {
        **asked,
        "exposure_ms": design.exposure_ms,
        "rules": asdict(design.rules),
        **record,
        "left_out": [asdict(one) for one in contents.chosen.left_out],
        "num_overexposed": contents.chosen.num_overexposed,
    }


def to_markdown(contents: Contents) -> str:
    """The page as text."""
    lines = [f"# {markdown_text(contents.design.title)}", ""]
    for line in (*summary(contents), *contents.notes):
        lines += [markdown_text(line), ""]
    for table in make_tables(contents):
        lines += [f"## {markdown_text(table.title)}", "", *markdown_table(table.columns, table.rows), ""]
        lines += [markdown_text(table.caption), ""] if table.caption else []
    return "\n".join(lines)
