"""Network architectures, one per file. Plain modules: no ranks, devices, optimizers or precision."""
