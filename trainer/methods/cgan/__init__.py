"""CGAN: Conditional Generative Adversarial Nets (Mirza & Osindero 2014, arXiv:1411.1784), with DCGAN's networks."""
