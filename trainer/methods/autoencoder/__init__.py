"""The auto-encoder (Hinton & Salakhutdinov 2006, Science 313), of convolutions: features learnt without labels."""
