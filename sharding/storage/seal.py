"""JSON files that vouch for themselves: their last entry, `sha256`, is the checksum of all bytes before its digits.

The digits end 67 bytes before the file: `head -c -67 FILE | sha256sum` gives the same. A seal shows damage; whoever
writes a file on purpose can seal it too, so it says nothing of who wrote it.
"""

import hashlib
import re

SEAL_KEY = "sha256"
_SEAL = re.compile(rb'\n "sha256": "([0-9a-f]{64})"\n}\Z')


def seal(body: bytes) -> bytes:
    """The JSON object `body`, written with an indent of 1, with its checksum as the last entry."""
    sealed = body.removesuffix(b"\n}") + f',\n "{SEAL_KEY}": "'.encode()
    return sealed + _digest(sealed).encode() + b'"\n}'


def seal_fault(content: bytes) -> str | None:
    """What is wrong with the seal of a file with this content: `is missing` or `does not fit`; None if nothing is."""
    match = _SEAL.search(content)
    if match is None:
        return "is missing"
    return None if match[1].decode() == _digest(content[: match.start(1)]) else "does not fit"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
