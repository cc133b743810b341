"""The embedded sets of glyphs: characters in the real fonts that come with Matplotlib, black on white, one channel.

Two layouts. `fonts`: a sample is a character, its views are fonts, so that one font can be translated to another.
`styles`: a sample is one glyph with labels, for methods that take a class or an ordinal group
(`sharding.sources.glyph_styles`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sharding.errors import DatasetError, OptionError
from sharding.format import codec
from sharding.format.manifest import LabelInfo, View
from sharding.format.names import check_view_name
from sharding.inputs.splits import check_shares, split_exactly
from sharding.sources.fonts import Face, Frame, font_hashes, font_path, open_face
from sharding.sources.glyph_styles import CHARACTERS, FACES, plan_styles
from sharding.work.crew import Crew
from sharding.work.plan import Draft, Plan, Sample
from sharding.work.problems import Problems

RECIPE = 1
"""Raised whenever the same options would make other bytes."""

FONTS = ("sans=DejaVuSans", "serif=DejaVuSerif", "bold=DejaVuSans-Bold")
"""Mono would be a fourth, but has a quarter fewer of the characters."""

EM, BASELINE = 0.70, 0.79
"""Room for capitals with two accents above and for the longest descenders, as shares of the image's side."""

SCRIPTS = ("latin", "greek", "cyrillic", "other")

_CATEGORIES = re.compile("L.|N.|P.|S[ckm]")
"""Of Unicode: letters, numbers, punctuation, currency, modifiers and mathematics. Other symbols (dots, boxes, arrows)
look alike in all fonts; marks, spaces and control characters show nothing by themselves."""


@dataclass(frozen=True, kw_only=True)
class GlyphsOptions:
    """Real images without a download of their own: characters in the fonts that come with Matplotlib."""

    layout: Literal["fonts", "styles"] = "fonts"
    """`fonts`: paired, one view per font. `styles`: one view `glyph`, labelled with character, weight, style, slant."""
    size: int = 64
    """Pixels: side of an image; a multiple of 16."""
    fonts: tuple[str, ...] = ()
    """Views of the layout fonts, e.g. `sans=DejaVuSans hand=my/hand.ttf`: names of Matplotlib's fonts, or files.
    Unless given: sans, serif and bold, of DejaVu."""
    characters: str | None = None
    """Only these characters. Unless given: all that the fonts share, or A-Z, a-z and 0-9 for the layout styles."""
    variations: int = 2
    """Samples of each character, font and weight in the layout styles: each is shifted, sheared and scaled a little."""
    val: float = 0.1
    """Share of the characters (layout fonts) or of their pairs with a font family (styles) for validation."""
    test: float = 0.1
    """The same for the test."""

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 16:
            raise OptionError(f"--size {self.size}: use a multiple of 16, e.g. 32, 64 or 128.")
        if self.variations < 1:
            raise OptionError(f"--variations {self.variations}: use 1 or more.")
        if self.fonts and self.layout == "styles":
            raise OptionError("--fonts: the layout styles has its own list of fonts; leave the option out.")
        if self.characters is not None and (not self.characters or len(set(self.characters)) < len(self.characters)):
            raise OptionError(f"--characters {self.characters!r}: give each character once, and at least one.")
        check_shares(self.val, self.test)
        parse_fonts(self.fonts or FONTS)

    def made_by(self) -> dict[str, Any]:
        options: dict[str, Any] = {"layout": self.layout, "size": self.size, "val": self.val, "test": self.test}
        if self.layout == "fonts":
            options |= {"fonts": list(parse_fonts(self.fonts or FONTS)), "characters": self.characters}
        else:
            options |= {"characters": self.characters or CHARACTERS, "variations": self.variations}
        return {"source": "glyphs", "recipe": RECIPE, "options": options, "inputs": font_hashes(self._paths())}

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        if self.layout == "styles":
            return plan_styles(
                self.characters or CHARACTERS,
                size=self.size,
                variations=self.variations,
                val=self.val,
                test=self.test,
            )
        frame = Frame(size=self.size, em=EM, baseline=BASELINE)
        views = parse_fonts(self.fonts or FONTS)
        faces = {view: open_face(font_path(font), frame) for view, font in views.items()}
        return plan_fonts(faces, characters=self.characters, size=self.size, val=self.val, test=self.test)

    def _paths(self) -> list[Path]:
        fonts = parse_fonts(self.fonts or FONTS).values() if self.layout == "fonts" else [face.font for face in FACES]
        return [font_path(font) for font in fonts]


def parse_fonts(options: Iterable[str]) -> dict[str, str]:
    """`sans=DejaVuSans` -> font by view. Raises OptionError."""
    fonts: dict[str, str] = {}
    for option in options:
        view, is_given, font = option.partition("=")
        if not is_given or not font or view in fonts:
            raise OptionError(f"--fonts {option}: write `view=font`, e.g. sans=DejaVuSans, and each view once.")
        check_view_name("--fonts", view)
        fonts[view] = font
    return fonts


def plan_fonts(faces: Mapping[str, Face], *, characters: str | None, size: int, val: float, test: float) -> Plan:
    """One sample per character that all fonts have, that fits, and that looks different in every font.

    A character that looks in some font like an earlier one (Greek Alpha like A) is left out, and characters go to
    splits by their letter without accents, lower case: a letter of the test was never seen in training, not even
    under an accent.

    Raises:
        DatasetError: the fonts share none of the characters.
    """
    extensions = [f"{view}.png" for view in faces]
    seen: dict[tuple[str, bytes], str] = {}
    drafts: dict[str, dict[str, bytes]] = {}
    for character in shared_characters(faces.values(), characters=characters):
        inks = [face.draw(character) for face in faces.values()]
        images = {
            name: codec.encode(255 - ink, "png") for name, ink in zip(extensions, inks, strict=True) if ink is not None
        }
        looks_known = [name for name, image in images.items() if seen.setdefault((name, image), character) != character]
        if len(images) == len(faces) == len(set(images.values())) and not looks_known:
            drafts[character] = images
    if not drafts:
        raise DatasetError(f"The fonts {', '.join(f.path.name for f in faces.values())} share no such character.")
    letters = {character: base_letter(character, faces=faces, seen=seen) for character in drafts}
    splits = split_exactly(set(letters.values()), val=val, test=test)
    return Plan(
        views={view: View(extension=f"{view}.png", channels=1, width=size, height=size) for view in faces},
        labels={"script": LabelInfo(names=list(SCRIPTS))},
        drafts=[
            Draft(
                key=f"u{ord(character):04x}",
                split=splits[letters[character]],
                origin=images,
                labels={"script": SCRIPTS.index(script_of(character))},
            )
            for character, images in drafts.items()
        ],
        # Which characters stay is known only when they are drawn, so they are encoded by then: 2 kB each.
        encode=take_encoded,
    )


def take_encoded(draft: Draft) -> Sample:
    """The sample whose images are there already."""
    return draft.sample(draft.origin)


def shared_characters(faces: Iterable[Face], *, characters: str | None) -> Iterator[str]:
    """In order of their code points."""
    shared = frozenset.intersection(*(face.code_points for face in faces))
    for character in map(chr, sorted(shared)):
        if _CATEGORIES.fullmatch(unicodedata.category(character)) and (characters is None or character in characters):
            yield character


def base_letter(character: str, *, faces: Mapping[str, Face], seen: Mapping[tuple[str, bytes], str]) -> str:
    """The letter below the accents, lower case; of letters that look alike, the first."""
    base = unicodedata.normalize("NFKD", character)[0]
    view, face = next(iter(faces.items()))
    ink = face.draw(base) if ord(base) in face.code_points else None
    if ink is not None:
        base = seen.get((f"{view}.png", codec.encode(255 - ink, "png")), base)
    return base.lower()


def script_of(character: str) -> str:
    """One of `SCRIPTS`, from the character's Unicode name."""
    script = unicodedata.name(character, "").partition(" ")[0].lower()
    return script if script in SCRIPTS else "other"
