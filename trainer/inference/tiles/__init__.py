"""Pictures that are larger than memory: translated in overlapping tiles, without seams."""
