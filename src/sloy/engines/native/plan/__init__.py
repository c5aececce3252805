"""Which kernels run, in which order, and where every value lies."""
