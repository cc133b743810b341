"""The model card: what whoever finds an exported translation must know of it, in the form that the Hub reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import yaml

from sharding.console import one_line
from sharding.format.manifest import View
from trainer.evaluation.comparison import ScoreRow, compare
from trainer.exports.check import Agreement
from trainer.exports.plain import Inputs
from trainer.inference.plan import Direction
from trainer.runs.opened import OpenRun

CARD = "README.md"
UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to tell."""

    opened: OpenRun
    inputs: Inputs
    position: int
    """Images that the networks had been trained on."""
    direction: Direction
    licence: str
    """As the Hub names licences, e.g. cc-by-4.0."""
    commit: str | None
    """Of Diptych, at the export."""
    agreement: Agreement | None
    """How near the file comes to the trained networks; None where it holds their weights."""

    @property
    def names(self) -> tuple[str, str]:
        """The views: from, to."""
        data, pairing = self.opened.subject.data, self.opened.subject.pairing
        source = data.view_b if pairing == "single" else data.view_a
        return (data.view_b, data.view_a) if self.direction == "b2a" else (source, data.view_b)


def short_facts(facts: Facts) -> dict[str, str]:
    """The same in the metadata of a file, which holds text alone."""
    record, inputs = facts.opened.run.record(), facts.inputs
    source, result = facts.names
    return {
        "method": facts.opened.config.method.name,
        "preset": one_line(record["preset"]),
        "from": one_line(source),
        "to": one_line(result),
        "input": _describe_input(inputs),
        "output": f"translation: {_describe_values(inputs.result)}",
        "sides_multiple_of": str(inputs.stride),
        "smallest_side": str(inputs.smallest),
        "labels": ", ".join(map(one_line, inputs.labels)),
        "images_trained_on": str(facts.position),
        "licence": facts.licence,
        "commit": str(facts.commit),
    }


def write_card(facts: Facts, *, usage: str, title: str) -> str:
    """The text of the card.

    Args:
        usage: the code that uses the file, in Markdown.
        title: of the model.
    """
    header = yaml.safe_dump(_header(facts, title=title), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n" + "\n\n".join(_sections(facts, usage=usage, title=title)) + "\n"


def _header(facts: Facts, *, title: str) -> dict[str, Any]:
    """Metadata that the Hub reads: https://huggingface.co/docs/hub/model-cards."""
    header: dict[str, Any] = {
        "license": facts.licence,
        "library_name": "diptych",
        "pipeline_tag": "image-to-image",
        "tags": ["diptych", "image-to-image", facts.opened.config.method.name],
    }
    results = [
        {
            "task": {"type": "image-to-image"},
            "dataset": {"name": one_line(facts.opened.manifest.name), "type": "custom", "split": split},
            "metrics": [{"type": row.name, "name": row.title, "value": row.translation} for row in rows],
        }
        for split, _, rows in _scores(facts.opened)
    ]
    return header | ({"model-index": [{"name": title, "results": results}]} if results else {})


def _scores(opened: OpenRun) -> Iterator[tuple[str, int, Sequence[ScoreRow]]]:
    """Of each split that was scored: its name, the images trained on by then, and the main scores."""
    for split, entry in opened.run.evaluations().items():
        rows = compare(entry["scores"], (entry.get("intervals") or {}).get("of", {}))
        yield one_line(split), entry["position"], [row for row in rows if not row.is_detail]


def _sections(facts: Facts, *, usage: str, title: str) -> Iterator[str]:
    source, result = map(one_line, facts.names)
    method = facts.opened.config.method
    yield f"# {title}"
    yield f"Translates images of `{source}` into images of `{result}`."
    paper = (import_module(f"trainer.methods.{method.name}").__doc__ or method.name).split("\n\n")[0]
    yield f"**Method.** {' '.join(paper.split())} Trained on {facts.position} images with Diptych."
    yield f"**Input.** `{_describe_input(facts.inputs)}`. {_describe_size(facts.inputs)}"
    yield f"**Output.** `translation: {_describe_values(facts.inputs.result)}`, not rounded."
    yield "## How to use"
    yield usage
    yield from _tell_data(facts)
    yield from _tell_scores(facts)
    yield "## Limits"
    yield (
        "It shows what it learnt from the training images, also where that is wrong: it invents details. Do not "
        "measure or diagnose by its output. Dropout, where the method has it, is off: each picture has one translation."
    )
    if facts.agreement is not None:
        found = facts.agreement
        yield (
            f"**Checked** against the trained networks on {found.told}: no value differs by more than {found.most:.1e} "
            f"of the range of values (mean {found.mean:.1e})."
        )
    yield f"Diptych's commit: {facts.commit or 'unknown'} at the export, {_trained_by(facts)} in training."


def _trained_by(facts: Facts) -> str:
    return one_line(facts.opened.run.record().get("commit") or "unknown")


def _tell_data(facts: Facts) -> Iterator[str]:
    manifest = facts.opened.manifest
    counts = facts.opened.run.record().get("num_samples") or {}
    sizes = "; ".join(f"{one_line(split)} {max(views.values(), default=0)}" for split, views in counts.items())
    yield "## Data and licence"
    yield f"Data set `{one_line(manifest.name)}`{f', images: {sizes}' if sizes else ''}."
    told = "not stated" if facts.licence == UNKNOWN_LICENCE else f"`{facts.licence}`"
    yield (
        f"Licence of these weights: {told}. The licence of the training images may bind whoever uses weights made of "
        "them; Diptych's own licence (Apache-2.0) concerns its code alone."
    )


def _tell_scores(facts: Facts) -> Iterator[str]:
    for split, position, rows in _scores(facts.opened):
        yield f"## Scores on {split}, after {position} images"
        lines = [
            "| score | this model | 95% interval | input unchanged | mean of the training images |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.title} | {row.show(row.translation)} | {row.show_interval() or '-'} | {row.show(row.identity)} "
            f"| {row.show(row.mean)} |"
            for row in rows
        ]
        yield "\n".join(lines)


def _describe_input(inputs: Inputs) -> str:
    label = f"; label: int64 (N,), 0..{len(inputs.labels) - 1}" if inputs.labels else ""
    return f"image: {_describe_values(inputs.source)}{label}"


def _describe_values(view: View) -> str:
    low, high = view.decoded_range
    channels = 3 if view.content == "classes" else view.channels
    return f"float32 (N, {channels}, height, width), values {low:g}..{high:g}"


def _describe_size(inputs: Inputs) -> str:
    height, width = inputs.trained_side
    trained = f"it was trained at {height} x {width} pixels (height x width)"
    if inputs.is_fixed:
        text = f"Height and width are {height} x {width} pixels, which it was trained at."
    elif inputs.stride == 1:
        text = f"Any height and width from {inputs.smallest} pixels on; {trained}."
    else:
        text = f"Height and width are multiples of {inputs.stride} pixels, from {inputs.smallest} on; {trained}."
    names = ", ".join(f"{number} {one_line(name)}" for number, name in enumerate(inputs.labels))
    return f"{text} Labels: {names}." if names else text
