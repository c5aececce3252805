"""A plan in the words of the extension, and what its instructions take."""
