"""Boundary files of any kind and coordinate system, read into the layers of a town."""
