"""The sound of a video, copied as it is: its packets pass into the new file undecoded."""

from collections.abc import Sequence
from typing import Any

from sharding.console import counted


class Sound:
    """The tracks of a video's sound that the new file's container can hold.

    Args:
        source: opened to be read.
        made: opened to be written, of which no stream has begun.
    """

    def __init__(self, source: Any, made: Any) -> None:
        tracks = source.streams.audio
        self.taken = [track for track in tracks if _fits(track, made)]
        self._lost = [_codec(track) for track in tracks if track not in self.taken]
        self._made = made
        self._copies: dict[int, Any] = {}
        self._waiting: list[Any] = []

    def begin(self) -> None:
        """Add the tracks, once the stream of pictures is there: the header of a file names all at once."""
        self._copies = {track.index: self._made.add_stream_from_template(track) for track in self.taken}
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.pass_on(packet)

    def pass_on(self, packet: Any) -> None:
        """Write a packet, or keep it until the tracks have begun."""
        if packet.dts is None:  # the end of the track
            return
        if not self._copies:
            self._waiting.append(packet)
            return
        packet.stream = self._copies[packet.stream.index]
        self._made.mux(packet)

    @property
    def note(self) -> str:
        """What people should know: tracks that were left out, and why."""
        return _note_of(self._lost)


def _codec(track: Any) -> str:
    return track.codec_context.codec.canonical_name


def _fits(track: Any, made: Any) -> bool:
    known = made.supported_codecs
    return _codec(track) in known or track.codec_context.name in known


def _note_of(codecs: Sequence[str]) -> str:
    if not codecs:
        return ""
    return f"lost {counted(len(codecs), 'track')} of its sound ({', '.join(codecs)}), which an MP4 cannot hold"
