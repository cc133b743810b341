"""Manifests for Kubernetes, made from the options of a launch."""
