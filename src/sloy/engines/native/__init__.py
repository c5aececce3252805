"""The native engine: C++ kernels and oneDNN, whole epochs without the GIL. Float32 only."""

from __future__ import annotations

from sloy.engines.native.engine import NativeEngine, NativeExecutable

__all__ = ["NativeEngine", "NativeExecutable"]
