"""ONNX's operators written in sloy's ops, family by family; importing this package fills the table."""

import sloy.exchange.onnx.operators.einsum
import sloy.exchange.onnx.operators.elementwise
import sloy.exchange.onnx.operators.functions
import sloy.exchange.onnx.operators.linear
import sloy.exchange.onnx.operators.normalization
import sloy.exchange.onnx.operators.pooling
import sloy.exchange.onnx.operators.quantization
import sloy.exchange.onnx.operators.reduction
import sloy.exchange.onnx.operators.resize
import sloy.exchange.onnx.operators.sampling
import sloy.exchange.onnx.operators.selection
import sloy.exchange.onnx.operators.shape
import sloy.exchange.onnx.operators.signal
import sloy.exchange.onnx.operators.training
import sloy.exchange.onnx.operators.transposed
import sloy.exchange.onnx.operators.windows  # noqa: F401
