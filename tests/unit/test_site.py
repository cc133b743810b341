"""The site of the documentation."""

from dataclasses import fields
from pathlib import Path

import pytest

from docs.site.__main__ import build
from docs.site.contents import SECTIONS, toctrees
from docs.site.docstrings import as_markdown
from docs.site.methods import method_pages
from docs.site.reference import reference_pages
from trainer.methods.registry import config_class, method_names
from trainer.presets import preset_names


def test_each_page_is_in_the_contents_once() -> None:
    """Those that are named, where they are named; a page that nobody has named, last."""
    pages = [Path(f"{page}.md") for pages in SECTIONS.values() for page in pages]
    lines = toctrees([*pages, Path("docs/anew.md")]).splitlines()
    assert [lines.count(str(page.with_suffix(""))) for page in pages] == [1] * len(pages)
    assert lines[-2:] == ["docs/anew", "```"]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Those of the methods."""
    return method_pages()


def test_each_method_has_a_page_with_all_of_its_settings_and_presets(pages: dict[str, str]) -> None:
    shown = ""
    for name in method_names():
        page = pages[f"docs/methods/{name}.md"]
        assert all(f"`{field.name}`" in page for field in fields(config_class(name)))
        shown += page
    assert [preset for preset in preset_names() if shown.count(f"\n| `{preset}` |") != 1] == []


def test_a_field_is_shown_with_its_bounds_its_domain_and_what_it_means(pages: dict[str, str]) -> None:
    row = "| `weight_l1` | `float` from 0 | `100.0` | up to 10 times less or more | Weight of the L1 distance"
    assert row in pages["docs/methods/pix2pix.md"]


def test_the_reference_tells_arguments_and_errors_apart() -> None:
    text = "Do it.\n\nArgs:\n    path: where\n        it is.\n\nRaises:\n    ValueError: never."
    told = "Do it.\n\n\n**Args**\n\n- `path`: where\n    it is.\n\n\n**Raises**\n\n- `ValueError`: never."
    assert as_markdown(text) == told
    assert "{py:function} load_preset(name: str) -> RunConfig" in reference_pages()["docs/api/configurations.md"]


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
