"""BiGAN / ALI between two views, as Zhu et al. 2017 (arXiv:1703.10593, section 5.1.1) compare it with CycleGAN."""
