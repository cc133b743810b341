"""A page to play with a trained run: draw or upload, and see what it makes of it."""
