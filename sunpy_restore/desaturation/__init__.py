"""Over-exposed flare cores of SDO/AIA."""
