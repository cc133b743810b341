"""A translation as an ONNX file, and that file at work in onnxruntime: the one place that knows either."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from trainer.exports.check import Run

OUTPUT = "translation"
"""Name of what comes out; what goes in is `image`, and `label` where there is one."""


def onnx_bytes(program: ExportedProgram, told: Mapping[str, str]) -> bytes:
    """The .onnx file; `told` becomes its metadata."""
    with _quiet():
        exported = torch.onnx.export(program, dynamo=True, verbose=False, output_names=[OUTPUT])
    assert exported is not None
    exported.model.metadata_props.update(told)
    exported.model.producer_name = "diptych"
    return exported.model_proto.SerializeToString()


def run_onnx(content: bytes) -> Run:
    """An ONNX file at work on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*inputs: Tensor) -> Tensor:
        feeds = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        (found,) = session.run([OUTPUT], feeds)
        return torch.from_numpy(np.asarray(found))

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells its steps on the console, and warns of what concerns its own packages."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
