"""The command line ``sunpy-restore``."""
