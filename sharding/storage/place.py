"""Where a data set lies: in a folder of this machine, or below a URL. Imports nothing heavy.

Not universal_pathlib's UPath: it opens a file system to join two names, is no `Path`, and its methods read without the
time limits and retries that all reading here goes through. What a data set needs of its place is `/` and a name.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tyro.constructors import PrimitiveConstructorSpec

SCHEMES = ("s3", "gs", "http", "https")
_STORES = ("s3", "gs")
"""Schemes of addresses that can be written to and listed."""
_KNOWN = "s3://, gs://, http:// or https://"


@dataclass(frozen=True)
class Url:
    """A remote folder or file; `/` goes below it, as with a `Path`."""

    text: str
    """To be asked for; without slashes at its end. Messages show `str()`, which masks what is secret in a wrong one."""

    def __post_init__(self) -> None:
        scheme, _, rest = self.text.partition("://")
        object.__setattr__(self, "text", f"{scheme}://{rest.rstrip('/')}")

    def __truediv__(self, part: str) -> "Url":
        return Url(f"{self.text}/{part}")

    def __str__(self) -> str:
        return masked(self.text)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    @property
    def scheme(self) -> str:
        return self.text.partition("://")[0]


Place = Path | Url


def parse_place(text: str) -> Place:
    """`s3://bucket/faces` -> Url, `data/faces` -> Path. Whether a URL is any good is asked of `place_problem`."""
    return Url(text) if "://" in text else Path(text)


def place_problem(place: object) -> str | None:
    """What is wrong with how a place is written, and the remedy; None if nothing is."""
    if isinstance(place, Path):
        if re.match(rf"({'|'.join(SCHEMES)}):/", str(place)):
            return "is a URL with one slash too few, as `Path` makes it; write two, and in Python use `Url`."
        return None
    if not isinstance(place, Url):
        return "must be a `Path` or a `Url`, which `parse_place` makes of a string."
    if place.scheme == "file":
        return f"is no address to read from: give the folder itself, {place.text.removeprefix('file://') or '/'}."
    if place.scheme not in SCHEMES:
        return f"must be a folder, or begin with {_KNOWN}."
    return _url_problem(place)


def store_problem(place: object) -> str | None:
    """What is wrong with an address that is to be written to, and the remedy; None if nothing is."""
    problem = place_problem(place)
    if problem is not None:
        return problem
    if not isinstance(place, Url) or place.scheme not in _STORES:
        return "must begin with s3:// or gs://: nothing else can be written to and listed."
    return None


def _url_problem(url: Url) -> str | None:
    try:
        parts = urlsplit(url.text)
        _ = parts.port
    except ValueError as error:
        return f"is no URL ({error})."
    is_web = url.scheme.startswith("http")
    if not parts.netloc or (is_web and not parts.hostname):
        return (
            f"names no {'host' if is_web else 'bucket'}: write {url.scheme}://{'HOST' if is_web else 'BUCKET'}/FOLDER."
        )
    if parts.query or parts.fragment or "?" in url.text:
        return "must not hold ? or #: the names of shards are added to its end."
    if "@" in parts.netloc:
        return "holds a name or password, which would be stored with the run; put them into ~/.netrc instead."
    return None


# Each character is looked at once, however long and strange the text. One slash: what `Path` makes of an address.
_ADDRESS = re.compile(r":/{1,2}[^\s'\"<>]*")
_USER = re.compile(r"(:/{1,2})[^/?#]*@")
_QUERY = re.compile(r"\?(?!nw=\w+$)[^#]+")
"""All but the name of a view at W&B, which is no secret."""


def masked(text: str) -> str:
    """Text without the names, passwords and signatures of the addresses in it."""
    return _ADDRESS.sub(lambda match: _QUERY.sub("?***", _USER.sub(r"\1***@", match[0])), text)


PLACE_ARGUMENT = PrimitiveConstructorSpec(
    nargs=1,
    metavar="FOLDER|URL",
    instance_from_str=lambda words: parse_place(words[0]),
    is_instance=lambda value: isinstance(value, Path | Url),
    str_from_instance=lambda place: [str(place)],
)
"""How tyro reads a place from the command line."""
