"""Trains, resumes, evaluates and applies image-to-image translation methods."""
