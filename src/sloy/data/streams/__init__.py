"""Data sets that are read while they are used; see `sloy.data.stream`."""
