"""Methods, one per paper: players, their networks and their losses. No ranks, devices, optimizers or logging."""
