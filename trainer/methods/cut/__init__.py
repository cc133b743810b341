"""CUT and FastCUT: Contrastive Learning for Unpaired Image-to-Image Translation (Park et al. 2020,
arXiv:2007.15651).
"""
