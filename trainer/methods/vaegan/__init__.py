"""VAE/GAN: Autoencoding beyond pixels using a learned similarity metric (Larsen et al. 2016, arXiv:1512.09300)."""
