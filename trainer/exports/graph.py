"""The graph of a translation, for any number of pictures of any size that its networks take (`torch.export`)."""

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config

from trainer.exports.check import Run
from trainer.exports.plain import PlainTranslation

METADATA = "diptych.json"
"""Of a .pt2 file: the entry of its `extra_files` that holds what the model card says, as JSON."""


def export_graph(plain: PlainTranslation) -> ExportedProgram:
    """Trace a translation.

    A picture may be as small as one pixel at a U-Net's bottleneck; without the setting, the tracer would refuse a side
    of one for ever.
    """
    inputs = plain.inputs
    if inputs.is_fixed:
        height, width = inputs.trained_side
        sides: dict[int, Any] = {}
    else:
        # Two sides that differ, and are no multiples of each other: else they would be taken for one.
        height, width = (inputs.stride * (max(2, inputs.smallest // inputs.stride) + more) for more in (1, 3))
        sides = {2: _side("height", inputs.stride), 3: _side("width", inputs.stride)}
    dynamic: dict[str, Any] = {"image": {0: Dim("batch"), **sides}}
    dynamic["label"] = {0: Dim("batch")} if inputs.labels else None
    given = plain.example(batch=2, height=height, width=width)
    given = given if inputs.labels else (*given, None)
    shapes: Any = _config
    with torch.no_grad(), shapes.patch(backed_size_oblivious=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(plain.simplified(), given, dynamic_shapes=dynamic, strict=False)


def _side(name: str, stride: int) -> Any:
    return Dim(name) if stride == 1 else stride * Dim(f"{name}_{stride}", min=1)


def program_bytes(program: ExportedProgram, told: Mapping[str, str]) -> bytes:
    """The .pt2 file."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(dict(told))})
    return file.getvalue()


def run_program(content: bytes) -> Run:
    """A .pt2 file at work."""
    module = torch.export.load(io.BytesIO(content)).module()

    def run(image: Tensor, label: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            return module(image, label)

    return run
