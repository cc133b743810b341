"""Videos, frame by frame, through PyAV: as many frames, at the same times, of the same size."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sharding.storage.files import written_atomically
from trainer.inference.media.sound import Sound
from trainer.pictures.files import UnreadablePictureError

_QUALITY = "16"
"""Constant rate factor of H.264: 18 is said to look like the source, and less is better."""


def translate_video(source: Path, target: Path, each: Callable[[np.ndarray], np.ndarray]) -> str:
    """Write an MP4 (H.264) of what `each` makes of the frames: uint8 (H, W, 3) of any one size; the sound is copied.

    Returns:
        What was left out of it, for people; empty if nothing was.

    Raises:
        UnreadablePictureError: the file holds no video that can be read.
        OSError: the target cannot be written.
    """
    import av
    from av.error import FFmpegError

    try:
        container = av.open(str(source))
    except (FFmpegError, OSError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error
    with container, written_atomically(target) as file, av.open(file, "w", format="mp4") as made:
        if not container.streams.video:
            raise UnreadablePictureError("holds no video")
        sound = Sound(container, made)
        try:
            _copy(container, made, sound, each)
        except FFmpegError as error:
            if isinstance(error, OSError):  # of the disk, not of what was read
                raise
            raise UnreadablePictureError(f"is damaged: {error}") from error
        return sound.note


def _copy(container: Any, made: Any, sound: Sound, each: Callable[[np.ndarray], np.ndarray]) -> None:
    """Frames and sound as they come, so that neither waits in memory for the other."""
    import av

    stream: Any = None
    taken = container.streams.video[0]
    for packet in container.demux(taken, *sound.taken):
        if packet.stream is not taken:
            sound.pass_on(packet)
            continue
        for frame in packet.decode():
            picture = av.VideoFrame.from_ndarray(each(frame.to_ndarray(format="rgb24")), format="rgb24")
            if stream is None:
                stream = _stream(made, picture, rate=taken.average_rate, time_base=taken.time_base)
                sound.begin()
            picture.pts, picture.time_base = frame.pts, taken.time_base
            made.mux(stream.encode(picture))
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
