"""BiGAN: Adversarial Feature Learning (Donahue et al. 2017, arXiv:1605.09782), and ALI: Adversarially Learned Inference
(Dumoulin et al. 2017, arXiv:1606.00704).
"""
