"""Maps and cubes in FITS files, from which the same images are read."""
