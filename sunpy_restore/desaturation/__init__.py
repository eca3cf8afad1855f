"""Restoration of saturated SDO/AIA images."""
