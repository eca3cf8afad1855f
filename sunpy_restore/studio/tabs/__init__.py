"""Tabs of the page and their widgets."""
