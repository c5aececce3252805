"""The graphs that training is made of: one training step, evaluation of a batch, inference.

Everything ends as ops of one graph: preprocessing, network, loss, metrics, gradients, clipping, the
optimiser's updates and the constraints. Engines see nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase

import numpy as np

from sloy import ops
from sloy.augmentation import Augment, Mixing
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor, backprop, check
from sloy.graph.spec import FLOATS, Shape, Spec
from sloy.graph.threefry import make_key
from sloy.layers.base import Parameter
from sloy.losses import Loss
from sloy.metrics import Metric
from sloy.network import Built, Network
from sloy.optimizers import Optimizer
from sloy.preprocessing import Preprocessing
from sloy.steps.descent import clip, descend, norm_of, slot_name
from sloy.steps.parameters import check_names, finite_copy

__all__ = [
    "KEY",
    "Forward",
    "StepSpec",
    "diagnosis_graph",
    "evaluation_graph",
    "forward",
    "gradient_graph",
    "inference_graph",
    "initial_variables",
    "random_key",
    "slot_name",
    "trained",
    "training_graph",
]

KEY = "random/key"
RESERVED = ("loss", "weight", "gradient_norm")


@dataclass(frozen=True)
class StepSpec:
    """What a training step is made of.

    Parameters
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer, optional
        Only training needs one.
    preprocessing : Preprocessing, optional
        Applied to x first; without it x is cast to the computing dtype.
    metrics : sequence of Metric
        Measured beside the loss.
    data_dtype : str
        Of the input ``x``: float32, float64, uint8, …
    target_shape, target_dtype
        Of one sample of the input ``y``, as `Loss.target` gives it.
    dtype : str
        The computing dtype: float32 or float64.
    trainable : tuple of str
        Patterns (``*``, ``?``, ``[…]``) of parameter names; a parameter that fits none is frozen. Running
        statistics of frozen layers are still followed.
    rate_factors : tuple of (pattern, factor)
        A parameter's learning rate is the step's times the factor of the last pattern that fits its name, 1 where
        none does.
    augment : Augment, optional
        Random changes of the samples, in training alone.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer | None = None
    _: KW_ONLY
    preprocessing: Preprocessing | None = None
    metrics: tuple[Metric, ...] = ()
    data_dtype: str = "float32"
    target_shape: Shape = ()
    target_dtype: str = "int32"
    dtype: str = "float32"
    trainable: tuple[str, ...] = ("*",)
    rate_factors: tuple[tuple[str, float], ...] = ()
    augment: Augment | None = None

    def __post_init__(self) -> None:
        if self.dtype not in FLOATS:
            raise InvalidArgument(f"`dtype` (={self.dtype!r}) must be one of {', '.join(FLOATS)}.")
        names = [metric.name for metric in self.metrics]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                raise InvalidArgument(f"`metrics`: the name {name!r} is taken; each is given once.")
        if self.augment is not None:
            self.augment.check(self.network.input_shape, self.data_dtype)
        for pattern, _ in self.rate_factors:
            if not any(fnmatchcase(name, pattern) for name in self.network.parameters):
                raise InvalidArgument(
                    f"`rate_factors`: {pattern!r} fits none of the parameters"
                    f" {', '.join(self.network.parameters)}."
                )

    def rate_factor(self, parameter: str) -> float:
        """What the learning rate of a parameter is multiplied by."""
        fitting = [f for pattern, f in self.rate_factors if fnmatchcase(parameter, pattern)]
        return fitting[-1] if fitting else 1.0


@dataclass(frozen=True)
class Forward:
    """The network on a batch, and what is measured of it."""

    built: Built
    target: Tensor
    losses: Tensor  # (N,)
    mixing: Mixing | None  # with other samples of the batch


@dataclass(frozen=True)
class _Objective:
    """What a step descends: the weighted mean of the losses and the penalties, and its gradient."""

    weights: Tensor  # (N,)
    total: Tensor  # (), Σ w_i
    loss: Tensor  # ()
    parameters: Mapping[str, Parameter]  # the trained ones
    gradients: list[Tensor]  # by each of them


def training_graph(spec: StepSpec, batch_size: int) -> Graph:
    """One step of descent.

    Returns
    -------
    Graph
        Inputs: ``x`` (N, …), ``y`` (N, …), ``sample_weight`` (N,), ``learning_rate`` (), and ``step`` () uint32, the
        number of steps done before, where the optimiser, a random mask or augmentation needs it.
        Variables: parameters, states, ``optimizer/<slot>/<parameter>``, and ``random/key`` uint32 (2,) where there
        are random masks or augmentation.
        Outputs: ``loss`` () = Σ w_i L_i / Σ w_i + penalties, 0 + penalties where Σ w_i = 0, and with mixup the same
        of both targets, in their shares; ``weight`` () = Σ w_i;
        ``gradient_norm`` (), of the loss's gradient by all trained parameters, before clipping; the weighted mean
        of each additive metric.
        Updates: trained parameters, their slots, states.
    """
    if spec.optimizer is None:
        raise InvalidArgument("a training graph needs an `optimizer`.")
    step = ops.input("step", (), "uint32")
    run = forward(spec, batch_size, training=True, step=step)
    aim = _objective(spec, run, batch_size)
    norm = norm_of(aim.gradients, spec.dtype)
    outputs = {"loss": aim.loss, "weight": aim.total, "gradient_norm": norm}
    for metric in spec.metrics:
        if metric.additive:
            outputs[metric.name] = _batch_mean(run, metric.per_sample, aim.weights, aim.total)
    updates = dict(run.built.updates)
    clipped = clip(spec.optimizer, aim.gradients)
    updates |= descend(
        spec.optimizer, aim.parameters, clipped, step, dtype=spec.dtype, factor=spec.rate_factor
    )
    return _checked(Graph.of(outputs, updates))


def gradient_graph(spec: StepSpec, batch_size: int, *, training: bool) -> Graph:
    """The gradient that a step descends, without the step.

    Returns
    -------
    Graph
        Inputs ``x``, ``y``, ``sample_weight``, in training ``step`` where there are random masks; outputs: name of
        a trained parameter → the gradient by it, before clipping.
    """
    step = ops.input("step", (), "uint32")
    run = forward(spec, batch_size, training=training, step=step)
    aim = _objective(spec, run, batch_size)
    return _checked(Graph.of(dict(zip(aim.parameters, aim.gradients, strict=True))))


def diagnosis_graph(spec: StepSpec, batch_size: int) -> Graph:
    """The values of a training step in the order of computation, without its updates.

    Returns
    -------
    Graph
        Inputs as of `training_graph`; outputs ``layer:<name>`` (N, …), ``loss:`` (N,), and
        ``gradient:<parameter>``, the last layer's first.
    """
    step = ops.input("step", (), "uint32")
    run = forward(spec, batch_size, training=True, step=step)
    aim = _objective(spec, run, batch_size)
    outputs = {f"layer:{name}": value for name, value in run.built.activations.items()}
    outputs["loss:"] = run.losses
    for name, gradient in list(zip(aim.parameters, aim.gradients, strict=True))[::-1]:
        outputs[f"gradient:{name}"] = gradient
    return _checked(Graph.of(outputs))


def evaluation_graph(spec: StepSpec, batch_size: int, *, prediction: bool = False) -> Graph:
    """Loss and metrics of each sample, the network as in use.

    Parameters
    ----------
    prediction : bool
        Whether ``prediction`` is wanted too.

    Returns
    -------
    Graph
        Inputs ``x`` and ``y``; outputs ``loss`` (N,) without penalties, for each metric what its `aggregate`
        takes, (N,) or (N, P), and as wanted ``prediction`` (N, …), as of `inference_graph`.
    """
    run = forward(spec, batch_size, training=False)
    outputs = {"loss": run.losses}
    output, target = run.built.output, run.target
    outputs |= {metric.name: metric.per_sample(output, target) for metric in spec.metrics}
    if prediction:
        outputs["prediction"] = spec.loss.prediction(output)
    return _checked(Graph.of(outputs))


def inference_graph(spec: StepSpec, batch_size: int, activations: Sequence[str] = ()) -> Graph:
    """The network in use.

    Parameters
    ----------
    activations : sequence of str
        Names of layers whose outputs are wanted.

    Returns
    -------
    Graph
        Input ``x``; outputs ``output`` (N, …), the network's raw output, ``prediction`` (N, …), probabilities
        or values, and ``activation/<layer>`` (N, …) as wanted.
    """
    built = _build(spec, batch_size, training=False)
    _check_ending(spec.loss, built.output)
    outputs = {"output": built.output, "prediction": spec.loss.prediction(built.output)}
    for name in activations:
        if name not in built.activations:
            raise InvalidArgument(
                f"no layer is named {name!r}; there are {', '.join(built.activations)}."
            )
        outputs[f"activation/{name}"] = built.activations[name]
    return _checked(Graph.of(outputs))


def initial_variables(
    spec: StepSpec,
    seed: int = 0,
    parameters: Mapping[str, np.ndarray] | None = None,
    place: str = "initial_variables",
) -> dict[str, np.ndarray]:
    """Parameters, states, optimiser slots and the random key at the start of a run.

    Parameters
    ----------
    seed : int
        Of the initial parameters and of the random masks.
    parameters : mapping, optional
        Parameters and states to start from instead, all of them.
    place : str
        Who asks, for the messages.

    Returns
    -------
    dict of C-contiguous arrays of the computing dtype, and ``random/key`` uint32 (2,)
    """
    variables = (
        spec.network.initialize(seed, spec.dtype)
        if parameters is None
        else _given(spec, parameters, place)
    )
    for name in trained(spec, spec.network.parameters):
        slots = spec.optimizer.slots() if spec.optimizer else {}
        for slot, value in slots.items():
            variables[slot_name(slot, name)] = np.full_like(variables[name], value)
    variables[KEY] = random_key(seed)
    return variables


def random_key(seed: int) -> np.ndarray:
    """What random masks and augmentation of a run are drawn from: uint32 (2,)."""
    return make_key(seed, "masks")


def trained(spec: StepSpec, parameters: Mapping[str, Parameter]) -> list[str]:
    """Names of the parameters that training changes, in the network's order."""
    names = [name for name in parameters if any(fnmatchcase(name, p) for p in spec.trainable)]
    if not names and parameters:
        raise InvalidArgument(
            f"`trainable` (={spec.trainable}) fits none of the parameters {', '.join(parameters)}."
        )
    return names


# --- parts ----------------------------------------------------------------------------------------


def _build(
    spec: StepSpec,
    batch_size: int,
    *,
    training: bool,
    step: Tensor | None = None,
    mixing: Mixing | None = None,
) -> Built:
    x = ops.input("x", (batch_size, *spec.network.input_shape), spec.data_dtype)
    key = ops.variable(KEY, (2,), "uint32") if training else None
    if spec.augment and key is not None and step is not None:
        x = spec.augment.pictures(x, key, step)
    if mixing is not None:
        x = mixing.mixed(ops.cast(x, spec.dtype))
    preprocessing = spec.preprocessing or Preprocessing()
    ready = preprocessing.apply(x, spec.dtype)
    return spec.network.build(ready, training=training, key=key, step=step)


def forward(
    spec: StepSpec, batch_size: int, *, training: bool = False, step: Tensor | None = None
) -> Forward:
    """The network on the inputs ``x`` and ``y`` of a batch, and the loss of each sample."""
    mixing = None
    if training and spec.augment is not None and step is not None:
        mixing = spec.augment.mixing(ops.variable(KEY, (2,), "uint32"), step, spec.dtype)
    built = _build(spec, batch_size, training=training, step=step, mixing=mixing)
    _check_ending(spec.loss, built.output)
    target = ops.input("y", (batch_size, *spec.target_shape), spec.target_dtype)
    losses = spec.loss.per_sample(built.output, target)
    if losses.spec != Spec((batch_size,), spec.dtype):
        raise ShapeError(
            f"{type(spec.loss).__name__}: the loss is {losses.spec}; it must be one number per"
            f" sample, {spec.dtype}[{batch_size}]."
        )
    return Forward(built, target, losses, mixing)


def _check_ending(loss: Loss, output: Tensor) -> None:
    """Raise where the network already does what the loss will do."""
    last = output
    while last.op in ("reshape", "cast"):
        last = last.inputs[0]
    if loss.logits and last.op in ("softmax", "sigmoid"):
        name = type(loss).__name__
        raise InvalidArgument(
            f"{name}: the network ends in a {last.op}, but this loss takes logits and applies the"
            f" {loss.logits} itself: remove the last layer (`predict_proba` gives probabilities)."
        )


def _objective(spec: StepSpec, run: Forward, batch_size: int) -> _Objective:
    weights = ops.input("sample_weight", (batch_size,), spec.dtype)
    total = ops.reduce_sum(weights)
    loss = run.built.penalized(_batch_mean(run, spec.loss.per_sample, weights, total))
    every = run.built.parameters
    parameters = {name: every[name] for name in trained(spec, every)}
    gradients = backprop(loss, [parameter.tensor for parameter in parameters.values()])
    return _Objective(weights, total, loss, parameters, gradients)


def _batch_mean(
    run: Forward,
    per_sample: Callable[[Tensor, Tensor], Tensor],
    weights: Tensor,
    total: Tensor,
) -> Tensor:
    """The weighted mean of a figure of each sample, over own targets and those of the samples mixed in."""
    output, mixing = run.built.output, run.mixing
    own = _weighted_mean(per_sample(output, run.target), weights, total)
    if mixing is None:
        return own
    values = per_sample(output, mixing.partners(run.target))
    return mixing.between(own, _weighted_mean(values, mixing.partners(weights), total))


def _weighted_mean(values: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    """Σ w_i v_i / Σ w_i, and 0 where all weights are 0."""
    return ops.reduce_sum(weights * values) / ops.where(ops.equal(total, 0.0), 1.0, total)


def _given(spec: StepSpec, given: Mapping[str, np.ndarray], place: str) -> dict[str, np.ndarray]:
    """Copies of given parameters and states, in the network's order."""
    check_names(place, spec.network, given)
    return {
        name: finite_copy(place, name, given[name], shape, spec.dtype)
        for name, shape in spec.network.shapes.items()
    }


def _checked(graph: Graph) -> Graph:
    check(graph)
    return graph
