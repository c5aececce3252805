"""Weights that other tools trained: their files, names and layouts, and where published ones come from."""
