"""How good a method is, beside baselines on the same images."""
