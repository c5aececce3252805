"""Boolean functions as networks of threshold neurons (L2-L4)."""
