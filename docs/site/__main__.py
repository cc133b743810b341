"""`make docs`: build the site in build/site. A warning is an error: a link or an anchor that leads nowhere is one."""

import shutil
import sys
from pathlib import Path

from docs.site.staging import ROOT, stage


def build(source: Path, site: Path) -> int:
    """Build a site from a folder of pages. Returns the exit status of Sphinx.

    All of it each time: Sphinx says nothing of a page that it does not read again, though its links may lead nowhere
    since the page that they lead to has changed.
    """
    from sphinx.cmd.build import build_main

    shutil.rmtree(site, ignore_errors=True)
    here = str(Path(__file__).resolve().parent)
    options = [
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "--builder",
        "html",
        "--fresh-env",
        "--conf-dir",
        here,
        "--jobs",
        "2",
    ]
    return build_main([*options, "--doctree-dir", str(source / ".kept"), str(source), str(site)])


def main() -> int:
    """Returns the exit status."""
    source, site = ROOT / "build" / "site-pages", ROOT / "build" / "site"
    stage(source)
    status = build(source, site)
    if status == 0:
        print(f"site: {site / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
