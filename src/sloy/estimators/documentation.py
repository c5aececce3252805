"""What the docstrings of all estimators say alike."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

from sloy.options import documented as documented_options
from sloy.training.recipe import Recipe

E = TypeVar("E")
NOT_OF_ALL = (
    "seed",
    "shuffle",
    "class_weight",
    "optimizer",
    "learning_rate",
    "schedule",
    "epochs",
    "batch_size",
    "patience",
)

PARAMETERS = """
    hidden : "auto", sequence of Layer, Network or str
        The layers before the output layer, which is added from the data; none for a linear model.
        "auto": of 500 rows and more, up to 100 columns of numbers with embeddings beside them (`Periodic`);
        then 128 and 64 neurons with ReLU and dropout (0.3 below 1000 rows of classes, 500 of numbers,
        else 0.1).
        A complete Network is taken as it is, a name is a preset of `sloy.zoo`. Categories of a table
        come one-hot, those of more than 20 values as learned vectors.
    recipe : "auto", "tabular" or "fast"
        "tabular": members of an ensemble with embeddings of numbers, trained together and averaged, as
        `sloy train` does with tables: for frames and rows of numbers, more exact and about ten times as
        long. It says what stands below, but for `epochs`, `batch_size`, `optimizer`, `loss`; what it says cannot be
        given beside it. "fast": one such member.
    members : int
        Of recipe "tabular", which alone has several.
    input_shape : tuple of int, optional
        Shape of one sample for the first layer, where `X` comes as flat rows: ``(8, 8, 1)``.
    table : mapping, optional
        How the columns of a frame (of an array x0, x1, …) are read, with the options of `load_table`:
        ``{"decimal": ",", "missing": ["-999"], "dates": {"day": "%d.%m.%y"}, "numeric": ["age"],
        "categorical": ["zip"], "ignore": ["remarks"]}``.
    epochs : int or "auto"
        Passes over the data, at least 1; the most where `patience` ends it. "auto": 64, more where these
        are below 1000 steps (at most 200), fewer above 10 000 steps. A given number, `warm_start` and
        `partial_fit` go with Adam at a constant rate, batches of 32 and no early stopping, "auto" (alone
        in a run) with AdamW, a falling rate, larger batches of many rows and early stopping; in both
        cases where nothing else is said.
    optimizer : "auto", str or Optimizer
        "auto": with epochs "auto" AdamW of weight decay 0.3, else Adam.
    learning_rate : float, Schedule or "auto", optional
        By default 0.003 with optimizer and epochs "auto", else the optimiser's own; "auto": found before each
        fit, see `sloy.find_rate`.
    schedule : "constant", "cosine", "one-cycle" or Schedule, optional
        How the learning rate changes over the steps. By default "cosine" with epochs "auto", else constant.
    batch_size : int, "auto" or None
        Samples of a step. None takes all of them in their order. "auto": with epochs "auto" about a 32nd
        of the rows, 32 to 256; else 32.
    validation_fraction : float, optional
        Share of the samples, shuffled, that is held out to validate on. None: a tenth with early stopping
        unless `fit` is given `validation_data`, else nothing.
    early_stopping : bool or "auto"
        Stop when the validation loss has not improved for `patience` epochs, and take the weights of
        the best epoch. "auto": with epochs "auto" where there are 500 rows or more, or something is
        validated on in any case.
    patience : int or "auto"
        Given, it turns early stopping on. "auto": the whole run with epochs "auto" (its last epochs, of low
        rates, are mostly the best), else 10.
    standardize : bool
        Zero mean and unit deviation of each feature (of each channel of pictures), and of the targets of
        a regressor whose `loss` has a name; kept in the model, which answers in the targets' own units.
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
