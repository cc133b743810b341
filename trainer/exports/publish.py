"""Export a run: translate, trace, compare, and only then put a folder in its place, whole or not at all."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from sharding.storage.files import write_atomically
from trainer.exports.card import CARD, UNKNOWN_LICENCE, Facts, short_facts, write_card
from trainer.exports.check import Agreement, compare, make_trial
from trainer.exports.kinds import Kind
from trainer.exports.plain import PlainTranslation, load_plain
from trainer.exports.usage import usage_text
from trainer.inference.plan import Direction
from trainer.runs.new_folder import check_place, new_folder
from trainer.runs.opened import OpenRun
from trainer.runs.provenance import commit


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What was written."""

    files: tuple[Path, ...]
    position: int
    agreement: Agreement | None


def export_run(
    opened: OpenRun,
    *,
    out: Path,
    kind: Kind,
    checkpoint: Path | None = None,
    direction: Direction = "a2b",
    licence: str = UNKNOWN_LICENCE,
) -> ExportResult:
    """Write a run's translation for those who have no Diptych, with its model card, to a new folder.

    Raises:
        ConfigError: the folder is not empty, the run cannot be exported, or the file does not give what the trained
            networks give: then nothing is written.
    """
    check_place(out)
    plain, position = load_plain(opened, checkpoint=checkpoint, direction=direction)
    facts = Facts(
        opened=opened,
        inputs=plain.inputs,
        position=position,
        direction=direction,
        licence=licence,
        commit=commit(),
        agreement=None,
    )
    contents, facts = _hub(plain, facts) if kind == "hub" else _graph(plain, facts, kind=kind)
    title = f"{opened.config.method.name}: {' to '.join(facts.names)}"
    contents[CARD] = write_card(facts, usage=usage_text(kind, plain.inputs), title=title).encode()
    with new_folder(out) as folder:
        for name, content in contents.items():
            write_atomically(folder / name, content)
    return ExportResult(files=tuple(out / name for name in contents), position=position, agreement=facts.agreement)


def _graph(plain: PlainTranslation, facts: Facts, *, kind: Kind) -> tuple[dict[str, bytes], Facts]:
    from trainer.exports.graph import export_graph, program_bytes, run_program  # seconds, only when needed

    trial = make_trial(plain, facts.opened)
    program = export_graph(plain)
    if kind == "onnx":
        from trainer.exports.onnx_file import onnx_bytes, run_onnx

        name, content = "model.onnx", onnx_bytes(program, short_facts(facts))
        run = run_onnx(content)
    else:
        name, content = "model.pt2", program_bytes(program, short_facts(facts))
        run = run_program(content)
    return {name: content}, replace(facts, agreement=compare(run, trial, kind=kind))


def _hub(plain: PlainTranslation, facts: Facts) -> tuple[dict[str, bytes], Facts]:
    from trainer.exports.hub import config_record, weights_bytes

    record = json.dumps(config_record(facts), indent=1).encode()
    return {"model.safetensors": weights_bytes(plain.networks), "config.json": record}, facts
