"""Judges that are asked for: networks trained on real images, and users' own functions."""
