"""Prediction from frames taken before and after an image."""
