"""From a Map to its restoration: observations, methods and what all functions have in common."""
