"""Weights that other tools trained: published ones by name, and those of files."""

from sloy.exchange.weights.conversion import read_weights
from sloy.exchange.weights.downloads import cache_folder, fetch, published
from sloy.exchange.weights.pretrained import read_pretrained
from sloy.exchange.weights.published import PUBLISHED, Published

__all__ = [
    "PUBLISHED",
    "Published",
    "cache_folder",
    "fetch",
    "published",
    "read_pretrained",
    "read_weights",
]
