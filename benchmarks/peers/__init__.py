"""One worker per peer, and the line protocol they speak."""
