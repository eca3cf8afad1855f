"""Fills of masked pixels: classical methods, kriging, and the mixture that the network corrects."""
