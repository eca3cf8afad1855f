"""Mosaics of generated tiles."""
