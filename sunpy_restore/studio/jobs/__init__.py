"""Computations in a process of their own, and their queue."""
