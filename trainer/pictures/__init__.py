"""Pixels, files and eyes: how images are opened, stored and shown."""
