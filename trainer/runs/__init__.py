"""A run on disk. No torch."""
