"""The machines of a run: who takes part, with how many ranks. Pure functions, without torch or processes."""
