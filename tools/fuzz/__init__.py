"""Files that somebody bent, by the thousand: what reading them does; see `python tools/fuzz --help`."""
