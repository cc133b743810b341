"""The training loop, and what is due in it."""
