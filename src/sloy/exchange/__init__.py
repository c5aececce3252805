"""Networks and weights of other tools: ONNX, C, PyTorch, Keras, safetensors; user functions as graphs."""
