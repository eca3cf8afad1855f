"""LASCO itself: header, geometry, missing blocks and flat field."""
