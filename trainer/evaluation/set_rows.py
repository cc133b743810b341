"""Rows of the catalogue by an encoder: of pairs, and of sets, of translations and of images drawn from noise."""

from collections.abc import Iterator

from trainer.config.encoders import ENCODERS, STAGED, EncoderName
from trainer.evaluation.score import Need, Score

FEWEST = 50
"""Of distances and neighbourhoods: test sets of fewer images say less than their noise."""
_FEWEST_OF_SUBSETS = 20
_LEARNT: dict[EncoderName, dict[str, str]] = {
    "alexnet": {"lpips": "LPIPS"},
    "vgg16": {"lpips": "LPIPS", "dists": "DISTS"},
}
"""Scores of pairs whose weights were learnt from people's judgements, for these networks: name and title."""


def rows_of_encoder(encoder: EncoderName) -> Iterator[Score]:
    """Those of pairs first, then of translations, then of images drawn from noise."""
    if encoder in STAGED:
        yield Score(
            name=f"stage_distance/{encoder}",
            title=f"distance of stages, {ENCODERS[encoder]}",
            better="lower",
            needs=frozenset({"pairs"}),
            metric="trainer.evaluation.metrics.stage_distance",
            encoder=encoder,
        )
    for name, title in _LEARNT.get(encoder, {}).items():
        yield Score(
            name=f"{name}/{encoder}",
            title=f"{title}, {ENCODERS[encoder]}",
            better="lower",
            needs=frozenset({"pairs", "medium"}),
            metric=f"trainer.evaluation.metrics.{name}",
            encoder=encoder,
        )
    yield from _rows(encoder, "sets", before="", of="", metric="trainer.evaluation.metrics.features")
    drawn = "trainer.evaluation.metrics.drawn_features"
    yield from _rows(encoder, "drawn", before="drawn_", of=" of drawn images", metric=drawn)


def _rows(encoder: EncoderName, need: Need, *, before: str, of: str, metric: str) -> Iterator[Score]:
    def row(name: str, title: str, **more: object) -> Score:
        fields = {"needs": frozenset({need}), "metric": metric, "encoder": encoder, "fewest": FEWEST} | more
        return Score(name=f"{before}{name}/{encoder}", title=f"{title}{of}, {ENCODERS[encoder]}", **fields)  # pyright: ignore[reportArgumentType]

    kernel = {"digits": 5, "fewest": _FEWEST_OF_SUBSETS, "better": "lower"}
    yield row("fd", "Fréchet distance", better="lower", digits=2, is_headline=True)
    yield row("kid", "kernel distance", **kernel)
    yield row("kid_spread", "spread of the kernel distance over subsets", **kernel, is_reference=True, is_detail=True)
    yield row("precision", "precision")
    yield row("recall", "recall")
    yield row("density", "density")
    yield row("coverage", "coverage")
