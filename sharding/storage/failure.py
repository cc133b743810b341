"""What went wrong on the way to or from a remote place, whichever library says it, and whether another try helps."""

from sharding.storage.place import masked

_MAX_REASON = 500
"""Characters of what a server says."""
_WORTH_ANOTHER_TRY = (408, 425, 429)


class TransferError(Exception):
    """An attempt failed; the message is the reason, without passwords and signatures."""

    def __init__(self, reason: str, *, is_lasting: bool, status: int | None = None) -> None:
        super().__init__(masked(reason))
        self.is_lasting = is_lasting
        """Another attempt would fail in the same way."""
        self.status = status
        """Of HTTP."""


def explain(
    error: Exception,
    *,
    transient: tuple[type[Exception], ...],
    lasting: tuple[type[Exception], ...],
    stall_s: float,
) -> TransferError:
    """What an error of a library means.

    Args:
        transient: what it raises for trouble on the way, beside OSError and TimeoutError.
        lasting: likewise, for what another attempt would not change.
        stall_s: how long was waited, where nothing came.
    """
    status = _status(error)
    if isinstance(error, lasting):
        return TransferError(str(error), is_lasting=True)
    if status is not None:
        is_lasting = status < 500 and status not in _WORTH_ANOTHER_TRY
    else:
        # gcsfs has no type of its own for 403
        is_lasting = str(error).startswith("Forbidden:") or not isinstance(error, (OSError, TimeoutError, *transient))
    return TransferError(_reason(error, status, stall_s), is_lasting=is_lasting, status=status)


def _status(error: Exception) -> int | None:
    """The status of HTTP, where the server answered."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore's, which s3fs translates
            return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for name in ("status", "code"):  # aiohttp's, gcsfs's
        value = getattr(error, name, None)
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    if isinstance(error, FileNotFoundError):
        return 404
    return 403 if isinstance(error, PermissionError) else None


def _reason(error: Exception, status: int | None, stall_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {stall_s:g} s"
    message = " ".join(str(getattr(error, "message", "") or error).split()) or type(error).__name__
    message = "".join(character for character in message[:_MAX_REASON] if character.isprintable())
    return message if status is None else f"{status}: {message}"
