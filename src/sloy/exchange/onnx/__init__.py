"""ONNX: graphs of other tools read into ops, and sloy's graphs written.

    file ──reading──▶ OnnxGraph ──conversion, operators/──▶ ops of `sloy.graph` ──imported──▶ a stored graph
    ops of `sloy.graph` ──layouts, emit──▶ nodes ──writing──▶ file

ONNX is channels-first, sloy channels-last: in both directions each value is held in one order of axes, and an order is
changed only where a neighbour needs another.
"""
