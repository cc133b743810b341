"""The perceptual study: people judge what runs make, beside real images."""
