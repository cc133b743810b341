"""Searches in which earlier trials decide what later ones change."""
