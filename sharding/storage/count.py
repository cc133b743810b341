"""A number of things, as files of our own hold it."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=0, le=2**53)]
"""No more than JSON's readers agree on."""
