"""Starts runs: the `diptych` command, and the ranks of a run. Knows nothing of methods."""
