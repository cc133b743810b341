"""The pages as Sphinx reads them: those of the repository, as they lie there, so that their links are the same."""

import re
import shutil
from pathlib import Path

from docs.site.contents import toctrees
from docs.site.methods import method_pages
from docs.site.reference import reference_pages

ROOT = Path(__file__).resolve().parents[2]
_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs/*.md", "docs/images/*", "benchmarks/*.md")


def stage(source: Path) -> None:
    """Fill a folder, whatever it held, with all pages of the site: those of the repository, and those made of code."""
    shutil.rmtree(source, ignore_errors=True)
    for file in (file for pattern in _PAGES for file in ROOT.glob(pattern)):
        copy = source / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        if file.suffix == ".md":
            copy.write_text(_to_first_page(copy.read_text()))
    for name, text in (method_pages() | reference_pages()).items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    pages = [page.relative_to(source) for page in source.rglob("*.md")]
    (source / "index.md").write_text((ROOT / "README.md").read_text() + toctrees(pages))


def _to_first_page(text: str) -> str:
    """GitHub's first page of a project is README.md, a site's is index.html."""
    return re.sub(r"\]\((\.\./)?README\.md", r"](\1index.md", text)
