"""Which pixels are saturated, and at which level: plateau, blooming, exposure and values below zero."""
