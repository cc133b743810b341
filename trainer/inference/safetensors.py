"""Tensors as a safetensors file (https://github.com/huggingface/safetensors): a header in JSON, and plain numbers.

Written out here, where it is a page: the library would be one more to install, and reads what this writes.
"""

import json
from collections.abc import Mapping
from typing import IO

import torch
from torch import Tensor

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What the format calls the kinds of numbers that it holds."""
_ALIGNMENT = 8


def write_safetensors(file: IO[bytes], tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write tensors on the CPU, with what is to be known of them.

    Args:
        tensors: by name, in the order in which they are to lie.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
