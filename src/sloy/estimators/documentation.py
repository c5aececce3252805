"""What the docstrings of all estimators say alike."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

from sloy.options import documented as documented_options
from sloy.training.recipe import Recipe

E = TypeVar("E")
NOT_OF_ALL = ("seed", "shuffle", "class_weight", "batch_size", "patience")

PARAMETERS = """
    hidden : sequence of Layer, Network or str
        The layers before the output layer, which is added from the data; none for a linear model.
        A complete Network is taken as it is, a name is a preset of `sloy.zoo`.
    input_shape : tuple of int, optional
        Shape of one sample for the first layer, where `X` comes as flat rows: ``(8, 8, 1)``.
    batch_size : int or None
        Samples of a step. None takes all of them in their order.
    validation_fraction : float, optional
        Share of the samples, shuffled, that is held out to validate on. None: a tenth with
        `early_stopping` unless `fit` is given `validation_data`, else nothing.
    early_stopping : bool
        Stop when the validation loss has not improved for `patience` epochs, and take the weights of
        the best epoch.
    patience : int
    standardize : bool
        Zero mean and unit deviation of each feature (of each channel of pictures), kept in the model.
    features : str, optional
        The layer whose output `transform` gives; the last before the output layer by default.
    engine : str or Engine
    threads : int, optional
        None takes one for small networks, else the physical cores, within joblib's workers their share.
    random_state : int, RandomState, Generator or None
        Of initial weights, order, masks and split. The same integer gives the same model to the last
        bit. None draws a new seed at each fit.
    warm_start : bool
        Whether `fit` goes on from where the last one ended, optimiser and all.
    callbacks : sequence of Callback
    verbose : bool
        Show progress on the error stream.
"""  # then the options of `sloy.training.recipe.Recipe`

ATTRIBUTES = """
    model_ : Model
        The trained network: `model_.save(path)` writes it to a file that `sloy.load` reads.
    history_ : History
        What was measured, a row for each epoch.
    n_iter_, best_epoch_ : int
        Epochs done, and that of the least validation loss (the last where nothing is validated).
    n_features_in_ : int
    feature_names_in_ : array
        Only where `X` had column names that are all strings.
"""


def documented(cls: type[E]) -> type[E]:
    """Put what all estimators have into the docstring of one; a class decorator."""
    assert cls.__doc__ is not None
    parameters = f"{cleandoc(PARAMETERS)}\n{documented_options(Recipe, NOT_OF_ALL)}"
    text = cleandoc(cls.__doc__).replace("<shared parameters>", parameters)
    cls.__doc__ = text.replace("<shared attributes>", cleandoc(ATTRIBUTES))
    return cls
