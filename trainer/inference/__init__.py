"""A trained run, used: translate, sample, draw."""
