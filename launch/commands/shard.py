"""`diptych shard KIND`: make shards from images: pairs, unpaired, earth, glyphs ...; verify checks them."""

import sharding.cli


def main(argv: list[str]) -> int:
    """Make a data set, or look for damage in one. Returns the exit status."""
    return sharding.cli.main(argv)
