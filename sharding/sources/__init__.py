"""Input layouts, one per file: each turns files on disk into samples of named, pixel-aligned views."""
