"""A number of things, as files of our own hold it."""

from typing import Annotated

from sharding.storage.typed import Limits

Count = Annotated[int, Limits(ge=0, le=2**53)]
"""No more than JSON's readers agree on."""
