"""DiscoGAN: Learning to Discover Cross-Domain Relations with GANs (Kim et al. 2017, arXiv:1703.05192)."""
