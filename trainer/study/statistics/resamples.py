"""How often the bootstrap draws, unless asked otherwise, and by which seed. Imports nothing."""

NUM_RESAMPLES = 10_000
SEED = 0
