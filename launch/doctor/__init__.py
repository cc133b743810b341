"""Whether machines are fit for a run, asked of each of them before its first step."""
