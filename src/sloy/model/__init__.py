"""`Model`: a problem with its numbers, in memory and as a file."""

from sloy.model.batches import default_batch
from sloy.model.loading import load
from sloy.model.model import Model

__all__ = ["Model", "default_batch", "load"]
