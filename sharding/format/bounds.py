"""How large the parts of a data set may be: the writer keeps to it, `verify` and reading insist on it."""

MOST_SIDE = 2**18
"""Pixels of a picture's width or height."""
MOST_PIXELS = 2**28
"""Of a picture: more are a mistake, or a decompression bomb; a network has no memory for so many anyway."""
MOST_CHANNELS = 4096
MOST_VALUES = 2**30
"""Of a picture: pixels times channels."""
MOST_CLASSES = 4096
"""In flat colours; as numbers of 8 bits, of which one means no class, there are 255."""
MOST_CLASS_NUMBERS = 255
MOST_LABELS = 2**20
"""Names of one label."""
LONGEST_NAME = 1000
"""Characters of a name that people read: of a class, a label, a data set."""
MOST_MANIFEST_BYTES = 2**26
DEEPEST_MANIFEST = 32
"""Objects and lists within each other."""
MOST_SHARD_BYTES = 2**44
MOST_INDEX_BYTES = 2**27
MOST_LABEL_BYTES = 2**20
"""Of the member with a sample's labels."""
MOST_EXTRA_BYTES = 2**26
"""Of a file beyond what its pixels take: colour profiles, EXIF, and compression that does not succeed."""
MOST_MEMBER_BYTES = 4 * MOST_VALUES + MOST_EXTRA_BYTES
"""Of any file in a tar."""
