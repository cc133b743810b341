"""Arrays of NumPy as files. Safe in several threads, which NumPy's own reader is not.

That one parses the header as Python source, and Python 3.11 fails there now and then if two threads do so at once
(python/cpython#106905, "AST constructor recursion depth mismatch").
"""

import io
import re
from typing import BinaryIO

import numpy as np

_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[a-zA-Z]\d+)', 'fortran_order': (True|False), 'shape': \((\d*(?:, ?\d+)*),?\),? ?\} *\n"
)
"""As NumPy writes it."""
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
"""Of the header's own length, by the format's major version."""


def read_pixels(content: bytes) -> np.ndarray:
    """The array. Raises ValueError if the file is cut short, or holds Python objects."""
    file = io.BytesIO(content)
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("the array holds Python objects")
    count = int(np.prod(shape, dtype=np.int64))
    if len(content) - file.tell() < count * dtype.itemsize:
        raise ValueError(f"the file is truncated: it ends before the {count} values of its shape {shape}")
    values = np.frombuffer(content, dtype, count, offset=file.tell())
    return values.reshape(shape, order="F" if is_fortran else "C").copy()  # writable, and aligned


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis varies fastest, and type; the file then stands at the first value."""
    version = np.lib.format.read_magic(file)
    start = file.tell()
    length = int.from_bytes(file.read(_LENGTH_BYTES.get(version[0], 4)), "little")
    found = _HEADER.fullmatch(file.read(length))
    if found is None:  # another program's spelling, or damage
        file.seek(start)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read(file)
    kind, is_fortran, sides = found.groups()
    shape = tuple(int(side) for side in sides.decode().split(",") if side.strip())
    return shape, is_fortran == b"True", np.dtype(kind.decode())
