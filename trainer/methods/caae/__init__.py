"""CAAE: Age Progression/Regression by Conditional Adversarial Autoencoder (Zhang et al. 2017, arXiv:1702.08423)."""
