"""Copies of a run's checkpoints in an object store: sent while it trains, and fetched to go on elsewhere."""
