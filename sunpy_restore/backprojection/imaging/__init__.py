"""Images of visibilities: CLEAN, maximum entropy and regularised images."""
