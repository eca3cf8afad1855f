"""Telescopes: point spread functions, and the forward model of HMI and of other telescopes."""
