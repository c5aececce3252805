"""Files that leave the process: the tensor container, atomic writes, user functions as graphs."""
