"""Samples of a finished data set by (shard, index). No torch."""
