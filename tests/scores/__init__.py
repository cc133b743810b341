"""Scores that the product lacks, each a file and a row as one would add them: less is better of both."""

from trainer.evaluation.score import Score

ABSOLUTE_ERROR = Score(
    name="absolute_error",
    title="absolute error",
    better="lower",
    unit="levels",
    digits=1,
    needs=frozenset({"pairs"}),
    metric="tests.scores.absolute_error",
    is_headline=True,
)
COLOR_DISTANCE = Score(
    name="color_distance",
    title="distance of mean colours",
    better="lower",
    needs=frozenset({"sets"}),
    metric="tests.scores.color_distance",
)
