"""DualGAN: Unsupervised Dual Learning for Image-to-Image Translation (Yi et al. 2017, arXiv:1704.02510)."""
