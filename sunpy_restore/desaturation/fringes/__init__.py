"""Diffraction fringes around saturated cores, and what they tell about the cores."""
