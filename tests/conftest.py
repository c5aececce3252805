"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

# Tests run in several processes beside each other: threads of NumPy's products that wait awake for a core which another
# process holds would take several times the time that the products do. Read when NumPy is loaded, here and in children.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")
