"""NPY files read as NumPy reads them, whoever wrote them, and by several threads at once."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sharding.format.codec.npy import read_header, read_pixels

ARRAYS = [
    np.arange(24, dtype=kind).reshape(shape)
    for kind in ("uint8", "<u2", ">u2", "<f4", "float64")
    for shape in ((24,), (4, 6), (2, 3, 4), (1, 24, 1))
]


def saved(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_arrays_are_those_that_were_saved(version):
    for array in (*ARRAYS, np.asfortranarray(ARRAYS[1]), np.array(7, np.uint8), np.zeros((0, 3), np.uint8)):
        pixels = read_pixels(saved(array, version))
        assert (pixels.dtype, pixels.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(pixels, array)
        assert pixels.flags.writeable


def test_another_spelling_of_the_header_is_read_too():
    content, usual = saved(ARRAYS[1]), b"'fortran_order': False, 'shape': (4, 6), }"
    assert usual in content
    other = content.replace(usual, b'"shape":(4,6,),"fortran_order": False}'.ljust(len(usual)))
    np.testing.assert_array_equal(read_pixels(other), ARRAYS[1])


def test_a_file_that_is_cut_short_is_an_error():
    content = saved(ARRAYS[2])
    for length in range(len(content)):
        with pytest.raises(ValueError):
            read_pixels(content[:length])


def test_objects_are_refused():
    with pytest.raises(ValueError, match="objects"):
        read_pixels(saved(np.array([{}], dtype=object)))


def test_a_header_as_numpy_writes_it_is_not_parsed_as_python(monkeypatch):
    """What makes several threads safe; the failure itself comes once in thousands of headers."""
    monkeypatch.setattr("ast.literal_eval", None)
    files = [saved(array) for array in ARRAYS]
    with ThreadPoolExecutor(4) as pool:
        shapes = list(pool.map(lambda content: read_header(io.BytesIO(content))[0], files))
    assert shapes == [array.shape for array in ARRAYS]
