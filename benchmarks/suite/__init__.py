"""Benchmarks of the five functions."""
