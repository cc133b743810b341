"""The site of the documentation."""

from pathlib import Path

import pytest

from docs.site.__main__ import build
from docs.site.contents import SECTIONS, toctrees


def test_each_page_is_in_the_contents_once() -> None:
    """Those that are named, where they are named; a page that nobody has named, last."""
    pages = [Path(f"{page}.md") for pages in SECTIONS.values() for page in pages]
    lines = toctrees([*pages, Path("docs/anew.md")]).splitlines()
    assert [lines.count(str(page.with_suffix(""))) for page in pages] == [1] * len(pages)
    assert lines[-2:] == ["docs/anew", "```"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "problem"), [("[a](b.md#below)", None), ("[a](b.md#beside)", "beside"), ("[a](c.md)", "c.md")]
)
def test_a_link_that_leads_nowhere_ends_the_build(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], link: str, problem: str | None
) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.md").write_text(f"# First\n\n{link}\n\n```{{toctree}}\nb\n```\n")
    (pages / "b.md").write_text("# Second\n\n## Below\n")
    status = build(pages, tmp_path / "site")
    assert (status != 0) == (problem is not None)
    assert (problem or "") in capfd.readouterr().err
