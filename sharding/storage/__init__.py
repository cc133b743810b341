"""Data sets that lie elsewhere: their places, how their files are fetched, and where these are kept."""
