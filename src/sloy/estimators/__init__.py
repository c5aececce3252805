"""`Classifier` and `Regressor`: networks as scikit-learn's estimators. Needs the extra ``sklearn``."""

from __future__ import annotations

from sloy.errors import NotAvailable

try:
    import sklearn as _  # noqa: F401
except ImportError as error:
    raise NotAvailable(
        "sloy.Classifier and sloy.Regressor need scikit-learn: pip install 'sloy[sklearn]'."
    ) from error

from sloy.estimators.classifier import Classifier
from sloy.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
