"""Weights of networks: their registry, their files, downloads and model cards."""
