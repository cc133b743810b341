"""Docstrings as Markdown."""

import re

_HEADINGS = ("Args:", "Returns:", "Raises:", "Yields:")


def as_markdown(docstring: str) -> str:
    """Lists of arguments and errors, which docstrings indent, become lists; papers' numbers become links."""
    lines: list[str] = []
    is_list = False
    for line in docstring.splitlines():
        if line in _HEADINGS:
            is_list = True
            lines += ["", f"**{line.removesuffix(':')}**", ""]
        elif is_list and line.startswith("    "):
            text = line[4:]
            lines.append(text if text.startswith(" ") else f"- {_name_first(text)}")
        else:
            is_list = is_list and not line.strip()
            lines.append(line)
    return re.sub(
        r"(?<![\[/])arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", "\n".join(lines)
    ).strip()


def _name_first(text: str) -> str:
    return re.sub(r"^(\w+):", r"`\1`:", text)
