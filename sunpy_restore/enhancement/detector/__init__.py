"""Noise, outliers and gaps of HMI images."""
