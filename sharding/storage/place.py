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
_KNOWN = "s3://, gs://, http:// or https://"


@dataclass(frozen=True)
class Url:
    """A remote folder or file; `/` goes below it, as with a `Path`."""

    text: str
    """Without slashes at its end."""

    def __post_init__(self) -> None:
        scheme, _, rest = self.text.partition("://")
        object.__setattr__(self, "text", f"{scheme}://{rest.rstrip('/')}")

    def __truediv__(self, part: str) -> "Url":
        return Url(f"{self.text}/{part}")

    def __str__(self) -> str:
        return self.text

    @property
    def scheme(self) -> str:
        return self.text.partition("://")[0]


Place = Path | Url


def parse_place(text: str) -> Place:
    """`s3://bucket/faces` -> Url, `data/faces` -> Path. Whether a URL is any good is asked of `place_problem`."""
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return Url(text) if "://" in text else Path(text)


def place_problem(place: object) -> str | None:
    """What is wrong with how a place is written, and the remedy; None if nothing is."""
    if isinstance(place, Path):
        if re.match(rf"({'|'.join(SCHEMES)}):/", str(place)):
            return "is a URL with one slash too few, as `Path` makes it; write two, and in Python use `Url`."
        return None
    if not isinstance(place, Url):
        return "must be a `Path` or a `Url`, which `parse_place` makes of a string."
    if place.scheme not in SCHEMES:
        return f"must be a folder, or begin with {_KNOWN}."
    return _url_problem(place)


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


_ADDRESS = re.compile(r":/{1,2}[^\s'\"<>]*")  # each character is looked at once, however long and strange the text
_USER = re.compile(r"(?<=:/)(/?)[^/?#]*@")  # also of an address with one slash too few
_QUERY = re.compile(r"\?[^#]+")


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
