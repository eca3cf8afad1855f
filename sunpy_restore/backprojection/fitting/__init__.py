"""Gaussian sources: simulated, and fitted to visibilities."""
