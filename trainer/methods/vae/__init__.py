"""VAE: Auto-Encoding Variational Bayes (Kingma & Welling 2014, arXiv:1312.6114)."""
