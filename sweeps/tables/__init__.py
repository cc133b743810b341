"""The papers' comparisons: many runs, side by side."""
