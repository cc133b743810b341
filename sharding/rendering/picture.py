"""One input file, or a part of it, decoded."""

from functools import cached_property

import numpy as np
from PIL import Image

from sharding.format import codec
from sharding.format.codec.kinds import Header
from sharding.storage.files import open_regular
from sharding.work.problems import InputError


class Picture:
    """One file, or a part of it; read and decoded when it is needed, and once."""

    def __init__(self, header: Header) -> None:
        self.header = header

    @cached_property
    def content(self) -> bytes:
        try:
            with open_regular(self.header.path, follow_links=True) as file:
                return file.read()
        except OSError as error:
            raise InputError(self.header.path, f"cannot be read ({error.strerror})") from error

    @cached_property
    def pixels(self) -> np.ndarray:
        """(height, width, channels)."""
        return codec.decode(self.content, name=str(self.header.path), most_pixels=None)  # --max-megapixels has judged

    @cached_property
    def image(self) -> Image.Image:
        """The picture as Pillow has it, with its palette."""
        return codec.decode_picture(self.content, name=str(self.header.path))


class HalfPicture(Picture):
    """The left or the right half of a file whose header tells the size of one half."""

    def __init__(self, whole: Picture, *, is_left: bool) -> None:
        super().__init__(whole.header)
        self._whole, self._is_left = whole, is_left

    @cached_property
    def pixels(self) -> np.ndarray:
        middle = self._whole.pixels.shape[1] // 2
        return self._whole.pixels[:, :middle] if self._is_left else self._whole.pixels[:, middle:]

    @cached_property
    def image(self) -> Image.Image:
        width, height = self._whole.image.size
        return self._whole.image.crop((0, 0, width // 2, height) if self._is_left else (width // 2, 0, width, height))
