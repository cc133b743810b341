"""Schemas that others publish, to check by what we write for their programs."""
