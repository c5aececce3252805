"""How a fitted estimator shows itself in a notebook: scikit-learn's diagram, the layers, and the curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.training.history import curves_svg

if TYPE_CHECKING:
    from sloy.estimators.base import Estimator


def html(estimator: Estimator, diagram: str) -> str:
    """The diagram; of a fitted estimator with the table of layers and the loss by epoch below it."""
    model = getattr(estimator, "model_", None)
    if model is None:
        return diagram
    layers = model.network.summary(engine=model.engine)._repr_html_()
    return f"{diagram}<div>{layers}{curves_svg(estimator.history_)}</div>"
