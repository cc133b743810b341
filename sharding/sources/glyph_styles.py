"""Labelled glyphs: characters x fonts x stroke weights, for methods that take a class or an ordinal group.

The weight is to a character what age is to a face: it changes the looks and keeps the identity. All five weights of a
glyph are made from its font's outline, moved outwards or inwards until the stem is as wide as the weight says, so a
weight is equally heavy in all fonts and can be read from an image. A glyph has only the weights at which its strokes
neither vanish nor run together; so thin ones are mostly of fonts without hairlines.

Splits hold out pairs of a character and a font family, with all weights and variations, because a bold A made thin
resembles the regular A of the same family. Every character and every font is trained on: what is new in the test is
how that character looks in that font. (Held-out fonts would test whether a style that was never seen is understood.)
"""

import hashlib
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sharding.errors import DatasetError
from sharding.format import codec
from sharding.format.manifest import LabelInfo, View
from sharding.inputs.splits import split_exactly
from sharding.sources.fonts import Face, font_path, open_face
from sharding.sources.glyph_outlines import (
    FRAME,
    STEMS,
    Glyph,
    StyleFace,
    Variation,
    draw_variation,
    measure_stem,
    read_glyph,
)
from sharding.work.plan import Draft, Plan, Sample

CHARACTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
STYLES = ("sans", "serif", "mono")
SLANTS = ("upright", "slanted")

EXTENSION = "glyph.png"


_FAMILIES = (
    # family, style, upright fonts, slanted fonts
    ("dejavu-sans", "sans", "DejaVuSans DejaVuSans-Bold", "DejaVuSans-Oblique DejaVuSans-BoldOblique"),
    ("dejavu-mono", "mono", "DejaVuSansMono DejaVuSansMono-Bold", "DejaVuSansMono-Oblique DejaVuSansMono-BoldOblique"),
    ("dejavu-serif", "serif", "DejaVuSerif DejaVuSerif-Bold", "DejaVuSerif-Italic DejaVuSerif-BoldItalic"),
    ("stix", "serif", "STIXGeneral STIXGeneralBol", "STIXGeneralItalic STIXGeneralBolIta"),
    ("computer-modern", "serif", "cmr10 cmb10", "cmti10 cmmi10"),
    ("computer-modern-sans", "sans", "cmss10", ""),
    ("computer-modern-mono", "mono", "cmtt10", ""),
)
FACES = tuple(
    StyleFace(font=font, family=family, style=style, is_slanted=fonts is slanted)
    for family, style, upright, slanted in _FAMILIES
    for fonts in (upright, slanted)
    for font in fonts.split()
)


def plan_styles(characters: str, *, size: int, variations: int, val: float, test: float) -> Plan:
    """One sample per character, font, weight and variation.

    Raises:
        DatasetError: no font has one of the characters.
    """
    glyphs = read_glyphs(characters)
    strangers = sorted(set(characters).difference(glyph.character for glyph in glyphs))
    if strangers:
        raise DatasetError(f"--characters: no font has {' '.join(strangers)}; leave it out.")
    pairs = {f"{glyph.face.family}_{glyph.character}" for glyph in glyphs}
    splits = split_exactly(pairs, val=val, test=test)
    view = View(extension=EXTENSION, channels=1, width=size, height=size)

    drafts = [
        Draft(key=key, split=splits[f"{glyph.face.family}_{glyph.character}"], origin=origin, labels=labels)
        for number, glyph in enumerate(glyphs)
        for key, origin, labels in iter_variations(number, glyph, characters=characters, variations=variations)
    ]
    labels = {
        "character": LabelInfo(names=list(characters)),
        "weight": LabelInfo(names=[str(weight + 1) for weight in range(len(STEMS))], ordinal=True),
        "style": LabelInfo(names=list(STYLES)),
        "slant": LabelInfo(names=list(SLANTS)),
    }
    return Plan(views={"glyph": view}, labels=labels, drafts=drafts, encode=GlyphEncoder(glyphs=glyphs, size=size))


@dataclass(frozen=True, kw_only=True)
class GlyphEncoder:
    """Draws variations of glyphs."""

    glyphs: list[Glyph]
    size: int

    def __call__(self, draft: Draft) -> Sample:
        variation: Variation = draft.origin
        image = draw_variation(self.glyphs[variation.number], variation, size=self.size)
        return draft.sample({EXTENSION: codec.encode(image, "png")})


def iter_variations(
    number: int, glyph: Glyph, *, characters: str, variations: int
) -> Iterator[tuple[str, Variation, dict[str, int]]]:
    """Key, origin and labels of each sample of a glyph."""
    for weight, offset in glyph.offsets.items():
        labels = {
            "character": characters.index(glyph.character),
            "weight": weight,
            "style": STYLES.index(glyph.face.style),
            "slant": int(glyph.face.is_slanted),
        }
        for repetition in range(variations):
            key = f"{glyph.face.font}_u{ord(glyph.character):04x}_w{weight + 1}_v{repetition}"
            seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
            yield key, Variation(number=number, offset=offset, seed=seed), labels


def read_glyphs(characters: str) -> list[Glyph]:
    """Every character in every font that has it."""
    wanted: list[tuple[StyleFace, Face, float, str]] = []
    for face in FACES:
        opened = open_face(font_path(face.font), FRAME)
        stem = measure_stem(opened)
        wanted += [(face, opened, stem, character) for character in characters if ord(character) in opened.code_points]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda item: read_glyph(item[0], item[1], stem=item[2], character=item[3]), wanted)
        return [glyph for glyph in found if glyph is not None]
