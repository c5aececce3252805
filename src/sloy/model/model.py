"""`Model`: a problem with its numbers, and all it takes to use them on raw data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sloy.arguments import file_to_write, instance, integer, sample_array, sequence
from sloy.data.dataset import Dataset
from sloy.data.lazy_rows import LazyRows
from sloy.data.readers import Reader
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.losses import Intervals, Loss, LossLike
from sloy.model.by_class import by_class, has_one_for_two
from sloy.model.familiar import Familiar
from sloy.model.file import write
from sloy.model.origin import answered, from_origin
from sloy.model.outward import Outward
from sloy.model.parts import Parts, checked, refuse_arrays
from sloy.model.sizes import BATCH, default_batch
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.problem.inputs import Columns, Data, as_dataset, columns, samples
from sloy.problem.parameters import Parameters
from sloy.problem.runner import Runner, summed_up
from sloy.problem.seen import Seen


class Model(Outward):
    """A network with parameters, preprocessing, class names and loss.

    Parameters
    ----------
    problem : Problem
        Network, loss, preprocessing, metrics and dtypes.
    parameters : mapping
        Name → array, all parameters and states of the network; arrays of the right dtype are
        taken as they are, without a copy.
    class_names : sequence of str
        One for each class, or none.
    reader : Reader, optional
        What turns picture files or rows of a table into `x`; with it the methods take these too.
    familiar : Familiar, optional
        What the samples that it learned from are like, see `sloy.model.familiar_with`.
    engine : str or Engine
        What computes; see `sloy.engines.engine`.
    threads : int
        0 takes the physical cores that this process may use.

    Examples
    --------
    >>> from sloy import Network, Problem, losses
    >>> from sloy.layers import Dense
    >>> network = Network((2,), [Dense(1)])
    >>> problem = Problem(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    >>> model = Model(problem, network.initialize(0), engine="reference")
    >>> model.parameters["dense_1/weight"] = [[2.0], [3.0]]
    >>> model(np.array([[1.0, 10.0]])).tolist()
    [[32.0]]
    """

    def __init__(
        self,
        problem: Problem,
        parameters: Mapping[str, np.ndarray],
        *,
        class_names: Sequence[str] = (),
        reader: Reader | None = None,
        familiar: Familiar | None = None,
        engine: str | Engine = "auto",
        threads: int = 0,
    ) -> None:
        instance("Model", "problem", problem, Problem)
        self.problem = problem
        self._engine = engine.by_itself if isinstance(engine, Engine) else None
        given = checked(problem, parameters)
        self._variables = self._engine.variables(given) if self._engine else given
        self.class_names = sequence("Model", "class_names", class_names, str)
        self.reader, self.familiar = reader, familiar
        self._engine_choice = (engine, threads)
        self._runners: dict[Any, Runner] = {}
        self._seen = Seen()

    @staticmethod
    def of(parts: Parts, engine: str | Engine = "auto", threads: int = 0) -> Model:
        """The model of what a file holds."""
        problem, parameters, names, reader, familiar = parts
        kept: dict[str, Any] = {"class_names": names, "reader": reader, "familiar": familiar}
        return Model(problem, parameters, **kept, engine=engine, threads=threads)

    @property
    def network(self) -> Network:
        """The layers."""
        return self.problem.network

    @property
    def loss(self) -> Loss:
        """What the network was trained to make small."""
        return self.problem.loss

    @property
    def threshold(self) -> float | None:
        """Of two classes, the probability of the second above which it is the answer; None for ½."""
        return self.problem.threshold

    @property
    def parts(self) -> Parts:
        """What files hold of it."""
        return Parts(self.problem, self._variables, self.class_names, self.reader, self.familiar)

    @property
    def picture_reader(self) -> Reader | None:
        """The `reader`; of a model of MNIST's digits that has none, that for handwriting."""
        if self.reader is not None:
            return self.reader
        from sloy.data.handwriting import usual_reader

        names, dtype, known = self.class_names, self.problem.data_dtype, self.problem.preprocessing
        return usual_reader(self.network.input_shape, names, dtype, known.mean if known else None)

    @property
    def parameters(self) -> Parameters:
        """The parameters and states: name → array, see `Parameters`."""
        return Parameters(lambda: self._variables)

    @property
    def engine(self) -> Engine:
        """What computes, found on first use; it takes the parameters to where it does."""
        if self._engine is None:
            name, threads = self._engine_choice
            self._engine = find_engine(name, threads, dtype=self.problem.dtype).by_itself
            self._variables = self._engine.variables(self._variables)
        return self._engine

    def __call__(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """The network's raw output: logits, or values.

        Parameters
        ----------
        x : array, shape (N, *input_shape)
            Raw data, as in training; the preprocessing is part of the model. With a `reader` also
            what that takes: picture files. A model of a table takes raw rows only: a data frame, a
            mapping of column names to values, the path of a file.
        batch_size : int, optional
            Samples at a time, which bounds the memory; by default up to 256.

        Returns
        -------
        array, shape (N, *output_shape); float64 where the problem has an `origin`
        """
        return self._inferred(x, batch_size)["output"]

    def predict_proba(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Probabilities for losses that have them (cross-entropies), else values; (N, …).

        Of two named classes by one output, what the `reader` takes gets (N, 2), arrays that of the second, (N, 1).
        """
        found = self._inferred(x, batch_size)["prediction"]
        reads = self.reader is not None and self.reader.takes(x)
        if reads and self.loss.logits == "sigmoid" and has_one_for_two(self.parts):
            return np.concatenate([1 - found, found], axis=1)  # (N, 2)
        return found

    def predict(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """The answer for each sample.

        Returns
        -------
        array
            Classification: for arrays int64 numbers of classes (N,), of equal outputs the first; for what
            the `reader` takes (picture files, rows of a table) the classes by their names, as the table or the
            folders had them: words, integers, truth. Yes-or-no outputs: int64 0 or 1, 1 where the raw output is
            above 0, (N,) for a single output; of two named classes they are answered as above. Else values (N, …).
            With a `threshold`, 1 (the second class) where the probability of the second class, or yes, is above it.
        """
        task, pair = self.loss.task(self.network.output_shape), has_one_for_two(self.parts)
        if task == "regression" and not pair:
            return self.predict_proba(x, batch_size)
        output, shift = self(x, batch_size), self.problem.shift
        output = output if shift is None else output + shift
        if task == "classification":
            classes = np.asarray(output.argmax(-1))
        else:
            classes = (output > 0).astype(np.int64)
            classes = classes[:, 0] if classes.shape[1:] == (1,) else classes
        named = self.class_names and (pair or task == "classification")
        if named and self.reader is not None and self.reader.takes(x):
            return self.reader.labels_of(self.class_names)[classes]
        return classes

    @property
    def by_class(self) -> Model:
        """The model; of two named classes by one output, the same with an output for each."""
        engine = self.engine  # which may move the variables
        return Model.of(by_class(self.parts), engine) if has_one_for_two(self.parts) else self

    @cached_property
    def prepared(self) -> Model:
        """The same network, with the same numbers, for rows that `sloy.data.load_table` has prepared."""
        engine = self.engine  # which may move the variables
        return Model(self.problem, self._variables, class_names=self.class_names, engine=engine)

    def predict_interval(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """The interval of each sample that holds its target with the chance that the loss `Intervals` names.

        Returns
        -------
        array, shape (N, 2), lower and upper ends

        Raises
        ------
        InvalidArgument
            Where the model was not trained with that loss.
        """
        if not isinstance(self.loss, Intervals):
            raise InvalidArgument(
                f"Model.predict_interval: the model was trained with {self.loss}, which knows no intervals; the loss"
                " Intervals does (`sloy train --intervals 0.9`)."
            )
        return self(x, batch_size)[:, 1:]

    def activations(
        self, x: Any, layers: Sequence[str] | None = None, batch_size: int | None = None
    ) -> dict[str, np.ndarray]:
        """The outputs of layers, of all by default, in use (not in training): name → array (N, …)."""
        layers = self.network.layer_names if layers is None else layers
        names = sequence("Model.activations", "layers", layers, str)
        outputs = self._inferred(x, batch_size, names)
        return {name: outputs[f"activation/{name}"] for name in names}

    def evaluate(self, data: Data, batch_size: int | None = None) -> dict[str, float]:
        """The mean loss (without penalties) and the metrics on a Dataset (of a table from `load_table`) or (x, y)."""
        outputs, found = self._measured("evaluate", data, batch_size)
        return summed_up(outputs, found.weight, self.problem.metrics)

    def examine(
        self, data: Data, batch_size: int | None = None
    ) -> tuple[dict[str, float], np.ndarray]:
        """What `evaluate` and `predict_proba` give for a Dataset or a pair (x, y), in one pass."""
        outputs, found = self._measured("examine", data, batch_size)
        return summed_up(outputs, found.weight, self.problem.metrics), outputs["prediction"]

    def save(self, path: str | Path) -> None:
        """Write the model to one file, atomically; see docs/model-file.md."""
        write(self.parts, file_to_write("Model.save", "path", path))

    @staticmethod
    def from_onnx(
        path: str | Path,
        *,
        input_shape: Sequence[int] | None = None,
        output: str | None = None,
        channels_last: bool = False,
        pictures: bool = False,
        size: tuple[int, int] | None = None,
        preprocessing: Preprocessing | Literal["unit", "none"] | None = None,
        loss: LossLike | None = None,
        class_names: Sequence[str] = (),
        reader: Reader | None = None,
        engine: str | Engine = "auto",
        threads: int = 0,
    ) -> Model:
        """Read a feed-forward network from an ONNX file; see docs/exchange.md.

        The model takes and gives what the file's graph does: (N, C, H, W) from PyTorch. It computes channels-last
        inside, is trained further like any other (`fit` with its `network` and `parameters`), saved without ONNX.

        Parameters
        ----------
        path : str or Path
            Of opset 6 or newer, one input (N, …).
        input_shape : sequence of int, optional
            Of one sample as the file has it, where it leaves extents open.
        output : str, optional
            Any value of the graph, such as the logits before a softmax; by default its first output, with a warning
            that names the others where there are several.
        channels_last : bool
            Whether the model takes (N, H, W, C), as sloy reads pictures, where the file has (N, C, H, W).
        pictures : bool
            Whether it is for picture files: channels last, with a `reader` of the network's size, and what the file
            says of its preprocessing; a warning where bytes go into a network that seems to expect prepared pictures.
        size : (H, W), optional
            Of pictures, which this asks for too, where the file leaves it open.
        preprocessing : Preprocessing, "unit" or "none", optional
            Of the data before the graph takes them: `Preprocessing.of_pictures(mean, std)` of published numbers;
            "unit": x / 255; by default what the file says of pictures, else nothing.
        loss : str, Loss or function, optional
            What it will be trained for, and what `predict` goes by; by default what sloy's own export noted, the
            categorical cross-entropy where class names are given, else the squared error. The softmax (sigmoid) that a
            graph ends in is left to a cross-entropy, `predict_proba` gives it.
        class_names, reader, engine, threads
            As for `Model`.

        Raises
        ------
        FileFormatError
            Where the file is damaged or contradicts itself. Nothing in it is executed.
        NotAvailable
            Where it needs what sloy has no ops for, or the onnx package is missing.
        """
        from sloy.model.exchange import read_onnx
        from sloy.model.importing import Wanted

        wanted = Wanted(
            input_shape=input_shape, output=output, channels_last=channels_last, pictures=pictures,
            size=size, preprocessing=preprocessing, loss=loss, class_names=class_names, reader=reader,
        )  # fmt: skip
        return Model.of(read_onnx(path, wanted), engine, threads)

    def summary(self, batch_size: int = BATCH) -> str:
        """The network's table, and what else the model holds."""
        return str(self.network.summary(batch_size, dtype=self.problem.dtype, engine=self.engine))

    def _answers(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities or numbers (N, K), and the class of each sample; of none for numbers."""
        answers = self.predict_proba(x).reshape(len(x), -1)
        is_class = self.loss.task(self.network.output_shape) != "regression"
        return answers, self.predict(x) if is_class else np.empty(0, np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle and copy take: everything but what is compiled."""
        parts = self.parts._replace(parameters=dict(self._variables))
        return Model.of, (parts, *self._engine_choice)

    def __repr__(self) -> str:
        names = f", {len(self.class_names)} class names" if self.class_names else ""
        return f"Model({self.network}, {self.loss}{names})"

    def _inferred(
        self, x: Any, batch_size: int | None, activations: tuple[str, ...] = ()
    ) -> dict[str, np.ndarray]:
        """The outputs of `inference_graph` for samples."""
        if batch_size is not None:
            batch_size = integer("Model", "batch_size", batch_size)
        asked = (batch_size, activations, self.reader is None)
        if (found := self._seen.run(x, asked)) is not None:
            return found
        raw = x
        if (reader := self.picture_reader) is not None and reader.takes(x):
            x = reader.read(x)
        else:
            refuse_arrays(self.reader, "x", x)
        given = x if isinstance(x, LazyRows) else sample_array("Model", "x", x)
        problem, size = self.problem, self._batch(batch_size)
        ahead = problem.ahead(given)
        types = (problem.dtype, "Model", problem.data_dtype, ahead)
        fed = samples(given, self.network.input_shape, *types)
        runner = self._runner("infer", activations, ahead=ahead is not None)
        if ahead is None and not problem.origin:
            self._seen.learn(raw, fed, asked, runner, size)
        return answered(problem, runner({"x": fed}, size))

    def _measured(
        self, kind: str, data: Data, batch_size: int | None
    ) -> tuple[dict[str, np.ndarray], Columns]:
        """The outputs of an evaluation graph for data, and the data as it takes them."""
        given, problem = from_origin(self.problem.origin, as_dataset(data)), self.problem
        if not isinstance(data, Dataset):
            refuse_arrays(self.reader, "data", data[0])
        ahead = problem.ahead(given.x)
        types = (problem.dtype, f"Model.{kind}", None, problem.data_dtype, ahead)
        found = columns(given, problem.network, problem.loss, *types)
        runner = self._runner(kind, ahead=ahead is not None)
        outputs = runner({"x": found.x, "y": found.y}, self._batch(batch_size))
        return answered(problem, outputs), found

    def _runner(self, kind: str, activations: tuple[str, ...] = (), *, ahead: bool) -> Runner:
        """The graphs of a kind, compiled once; without the preprocessing where that is done ahead."""
        key = (kind, activations, ahead)
        if key not in self._runners:
            problem = replace(self.problem, preprocessing=None) if ahead else self.problem
            asked = {"activations": activations} if activations else {}
            graph = partial(_GRAPHS[kind], problem, **asked)
            engine = self.engine  # which may move the variables
            self._runners[key] = Runner(engine, self._variables, graph)
        return self._runners[key]

    def _batch(self, size: int | None) -> int:
        return self._default_batch if size is None else integer("Model", "batch_size", size)

    @cached_property
    def _default_batch(self) -> int:
        return default_batch(self.network, self.problem.dtype)


_GRAPHS: dict[str, Callable[..., Graph]] = {
    "infer": inference_graph,
    "evaluate": evaluation_graph,
    "examine": partial(evaluation_graph, prediction=True),
}
