"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks (Isola et al. 2017, arXiv:1611.07004)."""
