"""From any graph to one in the ops that the native engine has kernels for, those of its own among them."""
