"""The native engine: C++ kernels and oneDNN, whole epochs without the GIL. Float32, or mixed with bfloat16."""

from __future__ import annotations

from sloy.engines.native.engine import NativeEngine, NativeExecutable, bfloat16_support

__all__ = ["NativeEngine", "NativeExecutable", "bfloat16_support"]
