"""Searches configurations with Ray Tune: many short runs, of which those that fall behind are stopped early."""
