"""Prediction of an image from the images taken before and after it."""
