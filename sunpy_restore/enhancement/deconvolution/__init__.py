"""Restoration without networks: classical methods, linear filters and data consistency."""
