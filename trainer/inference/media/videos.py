"""Videos, frame by frame, through PyAV: as many frames, at the same times, of the same size."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sharding.storage.files import written_atomically
from trainer.pictures.files import UnreadablePictureError

_QUALITY = "16"
"""Constant rate factor of H.264: 18 is said to look like the source, and less is better."""


def translate_video(source: Path, target: Path, each: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write an MP4 (H.264, without sound) of what `each` makes of the frames: uint8 (H, W, 3) of any one size.

    Raises:
        UnreadablePictureError: the file holds no video that can be read.
        OSError: the target cannot be written.
    """
    import av
    from av.error import FFmpegError, InvalidDataError

    try:
        container = av.open(str(source))
    except (FFmpegError, OSError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error
    with container, written_atomically(target) as file, av.open(file, "w", format="mp4") as made:
        if not container.streams.video:
            raise UnreadablePictureError("holds no video")
        stream: Any = None
        taken = container.streams.video[0]
        try:
            for frame in container.decode(taken):
                picture = av.VideoFrame.from_ndarray(each(frame.to_ndarray(format="rgb24")), format="rgb24")
                stream = stream or _stream(made, picture, rate=taken.average_rate, time_base=taken.time_base)
                picture.pts, picture.time_base = frame.pts, taken.time_base
                made.mux(stream.encode(picture))
        except InvalidDataError as error:
            raise UnreadablePictureError(f"is damaged: {error}") from error
        if stream is None:
            raise UnreadablePictureError("holds no frame")
        made.mux(stream.encode(None))


def _stream(made: Any, picture: Any, *, rate: Fraction | None, time_base: Fraction | None) -> Any:
    stream = made.add_stream("libx264", rate=rate or 25, options={"crf": _QUALITY})
    stream.width, stream.height = picture.width, picture.height
    is_even = picture.width % 2 == 0 and picture.height % 2 == 0
    stream.pix_fmt = "yuv420p" if is_even else "yuv444p"  # halved colours, which every player shows, need even sides
    if time_base is not None:
        stream.time_base = stream.codec_context.time_base = time_base
    return stream
