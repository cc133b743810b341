"""The embedded sets of glyphs: aligned views, honest splits, labels that can be read from the images."""

import string
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.sources.fonts import Frame, font_path, open_face
from sharding.sources.glyph_outlines import (
    FRAME,
    STEMS,
    Glyph,
    Variation,
    count_parts,
    draw_variation,
    keeps_identity,
    measure_stem,
    place,
    read_glyph,
    signed_distance,
)
from sharding.sources.glyph_styles import CHARACTERS, FACES, plan_styles
from sharding.sources.glyphs import GlyphsOptions, parse_fonts, script_of
from sharding.verifying.verify import verify
from sharding.work.crew import Crew
from sharding.work.problems import Problems
from tests.unit.sharding.files import Run, contents, read_members

LATIN = string.ascii_letters + "ÀÁÄÅĀÇÉÈÊËÑÖÓÒÔÜÚÙÛÝàáâäåçèéêëñòóôöùúûüýÿ"
GREEK, CYRILLIC = "ΑΒΓΔΛΞΠΣΦΨΩαβγδλξπσφψω", "АБВГДЖЗИЙЛПФЦЧШЩЭЮЯабвгдежзийлпфцчшщэюя"


@pytest.fixture(scope="module")
def fonts_plan():
    return GlyphsOptions(size=32, characters=LATIN + GREEK + CYRILLIC).plan(Crew(), Problems())


@pytest.fixture(scope="module")
def glyphs() -> dict[str, Glyph]:
    """Five characters of the regular sans font."""
    face = open_face(font_path("DejaVuSans"), FRAME)
    stem = measure_stem(face)
    found = {character: read_glyph(FACES[0], face, stem=stem, character=character) for character in "IeTWQ"}
    return {character: glyph for character, glyph in found.items() if glyph is not None}


def characters_of(plan) -> dict[str, str]:
    """Split by character."""
    return {chr(int(draft.key[1:], 16)): draft.split for draft in plan.drafts}


def test_views_of_a_character_stand_on_one_baseline_and_in_the_middle(tmp_path: Path, shard: Run) -> None:
    out = tmp_path / "glyphs"
    assert shard("glyphs", "--out", out, "--size", 64, "--characters", "EHILTZ", "--val", 0, "--test", 0)[0] == 0
    assert verify(out, decode=True) == []
    manifest = read_manifest(out)
    assert [(name, v.extension, v.channels, v.width) for name, v in manifest.views.items()] == [
        ("sans", "sans.png", 1, 64),
        ("serif", "serif.png", 1, 64),
        ("bold", "bold.png", 1, 64),
    ]
    samples = read_members(out)
    assert len(samples) == 6
    for members in samples.values():
        ink = {name: np.asarray(members[f"{name}.png"]) < 128 for name in manifest.views}
        bottoms = [np.flatnonzero(mask.any(axis=1))[-1] for mask in ink.values()]
        assert max(bottoms) - min(bottoms) <= 1, bottoms
        assert abs(bottoms[0] - 0.79 * 64) <= 1.5
        for name in manifest.views:
            columns = np.flatnonzero((np.asarray(members[f"{name}.png"]) < 255).any(axis=0))
            assert abs(columns[0] - (63 - columns[-1])) <= 1
        assert ink["bold"].sum() > 1.3 * ink["sans"].sum()
        assert members["json"] == {"script": 0}


def test_nothing_touches_the_edge(fonts_plan) -> None:
    import io

    from PIL import Image

    for draft in fonts_plan.drafts:
        for data in draft.origin.values():
            pixels = np.asarray(Image.open(io.BytesIO(data)))
            assert pixels[[0, -1]].min() == 255
            assert pixels[:, [0, -1]].min() == 255
            assert pixels.min() < 128


def test_what_does_not_fit_or_is_missing_is_left_out() -> None:
    narrow = open_face(font_path("DejaVuSans"), Frame(size=32, em=1.0, baseline=0.78))
    assert narrow.draw("i") is not None
    assert narrow.draw("Ǆ") is None  # too wide
    assert narrow.draw("Ố") is None  # too high
    assert narrow.draw(" ") is None
    assert ord("\u4e00") not in narrow.code_points  # a font draws a box for it


def test_look_alikes_are_kept_once_and_letters_share_a_split_with_their_accents(fonts_plan) -> None:
    splits = characters_of(fonts_plan)
    assert "A" in splits
    assert "Α" not in splits  # Greek  # noqa: RUF001
    assert "А" not in splits  # Cyrillic  # noqa: RUF001
    assert "Д" in splits
    assert set(splits.values()) == {"train", "val", "test"}
    by_letter: dict[str, set[str]] = {}
    for character, split in splits.items():
        by_letter.setdefault(unicodedata.normalize("NFKD", character)[0].lower(), set()).add(split)
    assert len(by_letter) > 40
    assert all(len(found) == 1 for found in by_letter.values()), by_letter
    images = [(split, image) for d in fonts_plan.drafts for split, image in [(d.split, tuple(d.origin.values()))]]
    for view in range(3):
        assert len({image[view] for _, image in images}) == len(images)


def test_scripts_are_labelled(fonts_plan) -> None:
    assert [script_of(character) for character in "aΩЖ7€"] == ["latin", "greek", "cyrillic", "other", "other"]
    names = fonts_plan.labels["script"].names
    found = {chr(int(draft.key[1:], 16)): names[draft.labels["script"]] for draft in fonts_plan.drafts}
    assert (found["ü"], found["ξ"], found["ж"]) == ("latin", "greek", "cyrillic")


def test_a_font_file_can_be_a_view(tmp_path: Path, shard: Run) -> None:
    hand = tmp_path / "hand.ttf"
    hand.write_bytes(font_path("cmtt10").read_bytes())
    make = ("glyphs", "--size", 32, "--characters", "abcdefg", "--fonts", "sans=DejaVuSans", f"hand={hand}")
    code, said = shard(*make, "--out", tmp_path / "out")
    assert code == 0, said
    assert list(read_manifest(tmp_path / "out").views) == ["sans", "hand"]
    hand.write_bytes(font_path("cmr10").read_bytes())
    assert shard(*make, "--out", tmp_path / "out")[0] == 1  # another font is another set


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--size", 40), 2, "multiple of 16"),
        (("--fonts", "DejaVuSans"), 2, "view=font"),
        (("--fonts", "a=DejaVuSans", "a=DejaVuSerif"), 2, "each view once"),
        (("--fonts", "a=DejaVuSans", "--layout", "styles"), 2, "own list"),
        (("--characters", "aba"), 2, "each character once"),
        (("--variations", 0), 2, "--variations 0"),
        (("--val", 0.5, "--test", 0.5), 2, "below 1"),
        (("--fonts", "a=Helvetica"), 1, "DejaVuSans-Bold"),
        (("--characters", "\u4e00"), 1, "share no such character"),
        (("--layout", "styles", "--characters", "a\u4e00"), 1, "no font has \u4e00"),
    ],
)
def test_impossible_options_are_named(tmp_path: Path, shard: Run, options: tuple, code: int, message: str) -> None:
    found, said = shard("glyphs", "--out", tmp_path / "out", *options)
    assert (found, message in said) == (code, True), said
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_font_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_text("no font")
    with pytest.raises(DatasetError, match=r"x\.ttf is no font"):
        open_face(tmp_path / "x.ttf", FRAME)
    assert parse_fonts(["a=x.ttf"]) == {"a": "x.ttf"}


def test_styles_are_labelled_and_deterministic(tmp_path: Path, shard: Run) -> None:
    make = ("glyphs", "--layout", "styles", "--size", 32, "--characters", "gZ", "--val", 0.2, "--test", 0.2)
    assert shard(*make, "--out", tmp_path / "1/set", "--workers", 1)[0] == 0
    assert shard(*make, "--out", tmp_path / "2/set", "--workers", 3)[0] == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert verify(tmp_path / "1/set", decode=True) == []
    manifest = read_manifest(tmp_path / "1/set")
    assert manifest.labels["character"].names == ["g", "Z"]
    assert (manifest.labels["weight"].names, manifest.labels["weight"].ordinal) == (["1", "2", "3", "4", "5"], True)
    samples = read_members(tmp_path / "1/set")
    expected = {"character": 0, "weight": 2, "style": 1, "slant": 1}
    name = next(name for name in samples if name.endswith("DejaVuSerif-Italic_u0067_w3_v1"))
    assert samples[name]["json"] == expected


@pytest.fixture(scope="module")
def styles_plan():
    return plan_styles("AeRx38", size=16, variations=2, val=0.2, test=0.2)


def test_a_character_of_a_family_is_in_one_split(styles_plan) -> None:
    splits: dict[tuple[str, int], set[str]] = {}
    for draft in styles_plan.drafts:
        pair = (styles_plan.encode.glyphs[draft.origin.number].face.family, draft.labels["character"])
        splits.setdefault(pair, set()).add(draft.split)
    assert len(splits) == 6 * 7
    assert all(len(found) == 1 for found in splits.values())
    for held_out in ("val", "test"):
        assert sum(found == {held_out} for found in splits.values()) == round(0.2 * 42)


def test_all_fonts_have_all_characters_and_training_has_enough(styles_plan) -> None:
    """The default set of 62 characters in 22 fonts, estimated from six characters."""
    faces = [open_face(font_path(face.font), FRAME) for face in FACES]
    assert len(faces) == len({face.font for face in FACES}) == 22
    assert all(set(map(ord, CHARACTERS)) <= face.code_points for face in faces)
    per_character = len(styles_plan.drafts) / 6
    assert 0.8 * per_character * len(CHARACTERS) > 6000
    weights = np.bincount([draft.labels["weight"] for draft in styles_plan.drafts], minlength=5)
    assert weights.min() > 0.04 * weights.sum(), weights


def test_weights_are_equally_heavy_in_all_fonts(glyphs: dict[str, Glyph]) -> None:
    """The stem of an I in the image has the width that the weight says, thin or bold as its font may be."""
    bold = next(face for face in FACES if face.font == "DejaVuSans-Bold")
    opened = open_face(font_path(bold.font), FRAME)
    heavy = read_glyph(bold, opened, stem=measure_stem(opened), character="I")
    assert heavy is not None
    assert measure_stem(opened) > 1.7 * measure_stem(open_face(font_path("DejaVuSans"), FRAME))
    assert sorted(glyphs["I"].offsets) == [0, 1, 2, 3, 4]
    assert sorted(heavy.offsets) == [2, 3, 4]
    for glyph in (glyphs["I"], heavy):
        for weight, offset in glyph.offsets.items():
            variation = Variation(number=0, offset=offset, seed=weight)
            row = 1 - draw_variation(glyph, variation, size=128)[64] / 255
            scale = abs(place(glyph, variation)[0, 0])
            assert row.sum() == pytest.approx(STEMS[weight] * FRAME.em * 128 * scale, abs=0.7)


def test_a_weight_that_loses_a_stroke_or_closes_a_hole_is_refused() -> None:
    bars = np.zeros((80, 80), bool)
    bars[10:70, 10:30] = True  # a thick stem
    bars[10:14, 30:70] = True  # with a hairline
    distance = signed_distance(bars)
    parts = count_parts(distance > 0)
    assert parts == (1, 1)
    assert keeps_identity(distance, -1.0, num_parts=parts)
    assert not keeps_identity(distance, -3.0, num_parts=parts)  # the hairline is gone, and nothing fell apart
    assert count_parts(distance - 3 > 0) == parts

    ring = cv2.circle(np.zeros((80, 80), np.uint8), (40, 40), 12, 1, 6) > 0
    distance = signed_distance(ring)
    assert count_parts(ring) == (1, 2)
    assert keeps_identity(distance, 4.0, num_parts=(1, 2))
    assert not keeps_identity(distance, 10.0, num_parts=(1, 2))  # the hole is closed


@pytest.mark.parametrize("size", [32, 128, 256])
def test_variations_differ_and_are_not_cut(glyphs: dict[str, Glyph], size: int) -> None:
    for glyph in (glyphs["W"], glyphs["Q"]):
        variations = [Variation(number=0, offset=glyph.offsets[4], seed=seed) for seed in range(12)]
        images = [draw_variation(glyph, variation, size=size) for variation in variations]
        assert len({image.tobytes() for image in images}) == 12
        for image in images:
            assert image.shape == (size, size)
            assert image[[0, -1]].min() == 255
            assert image[:, [0, -1]].min() == 255
            ink = (image < 128).mean()
            assert 0.08 < ink < 0.5
