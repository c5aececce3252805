"""Rules of `sloy.exchange.onnx.expansion`, family by family; importing this package fills the table."""

import sloy.exchange.onnx.expansions.control
import sloy.exchange.onnx.expansions.definitions
import sloy.exchange.onnx.expansions.recurrent
import sloy.exchange.onnx.expansions.sequences  # noqa: F401
