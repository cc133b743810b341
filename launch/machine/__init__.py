"""What this machine has, and what must be built on it before anything runs."""
