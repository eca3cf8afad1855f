"""Maps and cubes in memory: their arrays, headers, masks and filled pixels."""
