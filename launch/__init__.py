"""Starts runs, on this machine and on many; the `diptych` command. Knows nothing of methods."""
