"""`Model`: a problem with its numbers, in memory and as a file."""

from sloy.model.familiar import Familiar
from sloy.model.learned import familiar_with
from sloy.model.loading import load
from sloy.model.model import Model
from sloy.model.sizes import default_batch

__all__ = ["Familiar", "Model", "default_batch", "familiar_with", "load"]
