"""Visibilities: points of the (u, v) plane, transforms to images, and measured ones."""
