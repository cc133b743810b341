"""Samples to shards: resumable, and whole or absent."""
