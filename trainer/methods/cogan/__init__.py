"""CoGAN: Coupled Generative Adversarial Networks (Liu & Tuzel 2016, arXiv:1606.07536)."""
