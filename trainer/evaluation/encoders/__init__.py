"""Fixed networks, trained on ImageNet, by whose features images and sets of images are compared."""
