"""Pixel loss + GAN: Learning from Simulated and Unsupervised Images through Adversarial Training (Shrivastava et al.
2017, arXiv:1612.07828).
"""
