"""Feature loss + GAN: SimGAN's loss on deep features (Zhu et al. 2017, arXiv:1703.10593, section 5.1.1)."""
