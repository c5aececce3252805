"""First principles that run and can be seen: neurons, logic, theorems and by-hand algorithms.

Everything here makes ordinary networks and models on the library's own graph and engines. SciPy and
matplotlib are imported when they are needed, never before.
"""

__all__: list[str] = []
