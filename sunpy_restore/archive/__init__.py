"""Restoration of many files: sources, a ledger of what is done, and FITS files or a Zarr store with the results."""
