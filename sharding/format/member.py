"""One file of a tar, read together with its header: is it the one that the index means, and as it was written?

The header is the block in front of the content, so it costs neither a seek nor a request to read it, too. Where our
own writer has left the content's CRC-32 (see `member_checksum`), no damage can pass as an image.
"""

from sharding.format.manifest import CHECKSUM_PREFIX, member_checksum

HEADER_BYTES = 512

_NAME, _SIZE, _SUM, _MAGIC = slice(0, 100), slice(124, 136), slice(148, 156), slice(257, 263)
_GROUP, _PREFIX = slice(297, 329), slice(345, 500)
_POSIX = b"ustar\0"
_CHECKSUM = CHECKSUM_PREFIX.encode()
_SUM_OF_BLANKS = 8 * ord(" ")


def unpack_member(record: bytes, *, name: str) -> bytes:
    """The content of a member.

    Args:
        record: its header and its content.
        name: what it should be called.

    Raises:
        ValueError: the header is damaged or of another file, or the content has changed; the message says which.
    """
    header, content = record[:HEADER_BYTES], record[HEADER_BYTES:]
    if not _is_sound(header):
        raise ValueError("there is no sound tar header in front of it")
    found = _name(header)
    if found != name and len(name) <= _NAME.stop:  # a longer one may stand in a header of its own
        raise ValueError(f"the tar holds {found!r} there")
    if _number(header[_SIZE]) not in (None, len(content)):
        raise ValueError(f"the tar holds {_number(header[_SIZE])} bytes of it, the index tells of {len(content)}")
    told = header[_GROUP].rstrip(b"\0")
    if told.startswith(_CHECKSUM) and told != member_checksum(content).encode():
        raise ValueError("its content has changed since it was written (CRC-32 differs)")
    return content


def _is_sound(header: bytes) -> bool:
    """Whether the header's own checksum fits: the sum of its bytes, with blanks in the place of the sum."""
    return _number(header[_SUM]) == sum(header) - sum(header[_SUM]) + _SUM_OF_BLANKS


def _name(header: bytes) -> str:
    prefix = header[_PREFIX].rstrip(b"\0") if header[_MAGIC] == _POSIX else b""
    name = header[_NAME].rstrip(b"\0")
    return (prefix + b"/" + name if prefix else name).decode(errors="replace")


def _number(digits: bytes) -> int | None:
    """The number that octal digits mean; None for anything else, as the sizes of very large files."""
    try:
        return int(digits.rstrip(b"\0 "), 8)
    except ValueError:
        return None
