"""Weights that other tools trained: published ones by name, and those of files."""

from sloy.pretrained.downloads import PUBLISHED, Published, cache_folder, fetch, published
from sloy.pretrained.load import read_pretrained
from sloy.pretrained.weights import read_weights

__all__ = [
    "PUBLISHED",
    "Published",
    "cache_folder",
    "fetch",
    "published",
    "read_pretrained",
    "read_weights",
]
