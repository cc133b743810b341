"""Data sets that people know by name: fetched from where their authors keep them, and made into shards."""
