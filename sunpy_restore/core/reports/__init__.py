"""Checks of restored images, and images that are unlike those of the training."""
