"""GAN: Generative Adversarial Nets (Goodfellow et al. 2014, arXiv:1406.2661), with the networks of DCGAN (Radford et
al. 2016, arXiv:1511.06434).
"""
