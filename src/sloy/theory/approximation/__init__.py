"""Two-layer networks within a tolerance of a continuous function (L5)."""
