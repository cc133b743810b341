"""Side-by-side timings, in one run each: `make bench`."""
