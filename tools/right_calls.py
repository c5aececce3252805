"""Right arguments of sloy's public functions and classes, for `tools/misuse.py` to replace one by what it cannot be."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

import sloy
from sloy import ops
from sloy.experiments import Experiment

COUNT = 12  # samples


def by_name(folder: Path) -> dict[str, Any]:
    """Argument → a value that most functions with such an argument take."""
    import matplotlib.figure  # noqa: F401 - once, not while a call is timed

    x = np.random.default_rng(0).random((COUNT, 4)).astype(np.float32)
    labels = np.arange(COUNT) % 3
    network = sloy.Network((4,), [sloy.layers.Dense(3)])
    model, history = sloy.fit(network, (x, labels), epochs=1, verbose=False, engine="reference")
    model.save(folder / "model.sloy")
    (folder / "t.csv").write_text("a,b,c\n" + "".join(f"{n},{n * n},{n % 7}\n" for n in range(30)))
    return {
        "network": network, "model": model, "history": history, "problem": model.problem, "recipe": sloy.Recipe(),
        "data": (x, labels), "x": x, "samples": 8, "units": 3, "filters": 3, "kernel_size": 3, "rate": 0.5,
        "input_shape": (32, 32, 1), "classes": 3, "path": str(folder / "model.sloy"), "shape": (2, 3),
        "layers": [sloy.layers.Dense(3)],
        "experiment": Experiment.of("mnist", network="mlp", epochs=1, samples=20),
        "name": "adam", "network_name": "mlp", "y": labels, "source": str(folder / "t.csv"), "target": "b",
        "learning_rate": 0.1, "layer": "dense_1", "parameters": model.parameters, "function": len, "z": x,
        "picture": np.zeros((8, 8, 1)), "folder": str(folder), "figure": None, "labels": labels,
        "image": np.arange(36.0).reshape(6, 6), "kernel": np.ones((3, 3)), "table": "0111", "text": "a | b",
        "found": [], "low": 0.1, "high": 0.9, "loss": "squared_error", "value": 0.5, "steps": 3, "epochs": 2,
        "columns": 2, "size": 2, "weights": np.ones((3, 3, 1, 2)), "activation": sloy.layers.Sigmoid(),
        "initial": 0.1, "factor": 0.5, "least": True, "true": labels, "predicted": labels,
        "augment": sloy.Augment(flip="horizontal"), "pictures": np.zeros((4, 8, 8, 1), np.uint8),
        "language": "en", "number": 2, "noun": "row", "sentence": "a", "gradient": np.ones((3, 3)),
        "tolerance": 0.1, "f": np.sin, "domain": (0, 1), "depth": 18, "width": 4, "outputs": 2,
        "metric": "loss", "trials": [], "column": 0, "channel": 0, "channels": [0], "row": "L2", "title": "a",
        "main": "a", "document": {}, "choice": "standardize", "grid": (2, 2), "maximum": 0.1, "every": 2,
        "inner": 0.1, "by": 2, "array": x, "activations": ["relu", "tanh", "relu"], "edges": [[0.0, 1.0]],
        "config": {"layer": "Dense", "units": 3}, "word": "huber=2", "output_shape": (3,), "line": "3 4",
        "sample": 0, "seed": 0, "counts": np.eye(3, dtype=int), "probabilities": np.full((COUNT, 3), 1 / 3),
    }  # fmt: skip


def by_function(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Function → what it takes beside, or instead of, what others take by those names."""
    folder = Path(values["folder"])
    return {
        **_of_ops(),
        **_of_graphs(),
        **_of_layers(),
        **_of_training(values, folder),
        **_of_theory(values),
        **_of_apps(values),
        **{f"sloy.zoo.{name}": given for name, given in _ZOO.items()},
    }


_ZOO: dict[str, dict[str, Any]] = {
    "make": {"name": "mlp"}, "mobilenet_v3": {"size": "small"}, "resnet": {"depth": 20}, "vgg": {"depth": 11},
    "tabular": {"scales": [sloy.layers.RobustScale((0.0,) * 4, (1.0,) * 4)]},
}  # fmt: skip


def _of_ops() -> dict[str, dict[str, Any]]:
    pictures, kernel = ops.input("p", (2, 8, 8, 1)), ops.variable("k", (3, 3, 1, 2))
    rows, integers = ops.input("t", (2, 4)), ops.input("i", (2,), "int32")
    vector, places = ops.variable("v", (4,)), ops.input("s", (2, 4), "int32")
    draw = {
        "key": ops.input("key", (2,), "uint32"),
        "step": ops.input("step", (), "uint32"),
        "stream": 1,
    }
    both = ("add", "sub", "mul", "div", "power", "maximum", "minimum", "equal", "not_equal", "greater", "greater_equal",
            "less", "less_equal")  # fmt: skip
    given: dict[str, dict[str, Any]] = {
        **{name: {"x": rows, "y": rows} for name in both},
        "matmul": {"a": ops.input("x", (4, 3)), "b": ops.variable("w", (3, 2))},
        "batched_matmul": {"a": ops.input("a", (2, 3, 4)), "b": ops.input("b", (2, 4, 5))},
        "average_pool2d": {"x": pictures}, "max_pool2d": {"x": pictures},
        "batch_norm": {"x": rows, "mean": vector, "variance": vector, "scale": vector, "shift": vector},
        "broadcast_to": {"x": rows, "shape": (3, 2, 4)}, "reshape": {"x": rows, "shape": (4, 2)},
        "cast": {"x": rows, "dtype": "float64"}, "concatenate": {"tensors": [rows, rows]},
        "conv2d": {"x": pictures, "weights": kernel}, "one_hot": {"labels": integers},
        "pad": {"x": rows, "before": (0, 1), "after": (1, 0)},
        "slice": {"x": rows, "start": (0, 1), "stop": (2, 3)},
        "sigmoid_cross_entropy": {"logits": rows, "targets": rows},
        "softmax_cross_entropy": {"logits": rows, "targets": rows},
        "sparse_matmul": {"places": places, "values": rows, "b": ops.variable("b", (9, 3)), "columns": 9},
        "sparse_scale": {"places": places, "values": rows, "a": vector},
        "where": {"condition": ops.greater(rows, 0.0), "x": rows, "y": rows},
        "dropout_mask": {**draw, "keep": 0.5}, "random_order": {"x": rows, **draw},
        "random_cutout": {"x": pictures, **draw}, "random_warp": {"x": pictures, **draw},
        "random_mix": {"x": rows, "share": ops.input("share", ()), **draw},
        "random_pick": {"values": vector, **draw},
        "random_tone": {"x": pictures, "brightness": 0.1, "contrast": 0.1, **draw},
    }  # fmt: skip
    return {f"sloy.ops.{name}": one for name, one in given.items()}


def _of_graphs() -> dict[str, dict[str, Any]]:
    x, w = ops.input("x", (4, 3)), ops.variable("w", (3, 2))
    loss = ops.reduce_sum(ops.tanh(x @ w))
    graph = sloy.graph.Graph.of({"loss": loss})
    tanh = sloy.graph.opdef("tanh")
    return {
        "sloy.graph.backprop": {"loss": loss, "wrt": [w]},
        **{f"sloy.graph.{name}": {"graph": graph} for name in ("check", "mixed", "optimize")},
        "sloy.graph.evaluate": {
            "graph": graph,
            "feeds": {"x": np.ones((4, 3), np.float32), "w": np.ones((3, 2), np.float32)},
        },
        "sloy.graph.lower": {
            "graph": graph,
            "supported": {"tanh", "matmul", "reduce_sum"},
            "engine": "reference",
        },
        "sloy.graph.opdef": {"name": "tanh"},
        "sloy.graph.OpDef": {
            "name": "own",
            "kind": tanh.kind,
            "arity": 1,
            "infer": tanh.infer,
            "reference": np.tanh,
            "differentiable": False,
        },
        "sloy.graph.Spec": {"dtype": "float32"},
        "sloy.graph.Tensor": {"op": "tanh", "inputs": (x,), "attributes": {}, "spec": x.spec},
        "sloy.theory.count_operations": {"graph": graph},
    }


def _of_layers() -> dict[str, dict[str, Any]]:
    layers = sloy.layers
    tensor = ops.variable("w", (3, 2))
    return {
        "sloy.initializers.as_initializer": {"where": "Dense", "name": "weights", "value": "he_normal"},
        "sloy.layers.Categories": {"classes": (3,), "vectors": (2,)},
        "sloy.layers.Parameter": {"tensor": tensor, "initializer": sloy.initializers.Zeros(), "fans": (3, 2)},
        "sloy.layers.PerNeuron": {"activations": [(layers.ReLU(), 1), (layers.Tanh(), 2)]},
        "sloy.layers.QuantileScale": {"knots": ((0.0, 1.0),), "values": ((-1.0, 1.0),)},
        "sloy.layers.RobustScale": {"centres": (0.0,), "factors": (1.0,)},
        "sloy.layers.SqueezeExcitation": {"channels": 2},
        "sloy.layers.State": {"tensor": tensor, "initial": 0.0},
        "sloy.layers.register": {"layer": type("Own", (layers.Layer,), {})},
        "sloy.lecture.exercise": {"name": "L2"}, "sloy.lecture.find": {"name": "L2"},
        "sloy.losses.loss": {"value": "huber"}, "sloy.optimizers.optimizer": {"value": "adam"},
        "sloy.metrics.default_metrics": {"loss": sloy.losses.SquaredError()},
        "sloy.metrics.metric": {"value": "mae", "loss": sloy.losses.SquaredError()},
        "sloy.schedules.named": {"name": "cosine"},
    }  # fmt: skip


def _of_training(values: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    x, y = values["x"], values["y"]
    hidden = sloy.Network((4,), [sloy.layers.Dense(6), sloy.layers.ReLU(), sloy.layers.Dense(3)])
    deep, _ = sloy.fit(hidden, (x, y), epochs=1, verbose=False, engine="reference")
    (folder / "x.idx").write_bytes(b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes(6))
    table = str(folder / "t.csv")
    pictures = folder / "pictures"
    for name in "ab":
        (pictures / name).mkdir(parents=True)
        for number in range(6):
            _picture(pictures / name / f"{number}.png", number)
    for part, count in (("train", 6), ("t10k", 4)):
        rows = struct.pack(">3I", count, 2, 2) + bytes(4 * count)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + rows)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + struct.pack(">I", count) + bytes(count)
        )
    run = str(folder / "run")
    words = {"network": "mlp", "network_options": {"hidden": [3]}, "epochs": 3, "target": "b"}
    sloy.experiments.run(Experiment.of(table, **words), run, engine="reference", diagnose=True)
    members = sloy.Tabular(sloy.Dataset(x, y), members=2)
    ended = {"folder": run, "engine": "reference"}
    short = {"epochs": 1, "engine": "reference"}
    return {
        "sloy.Network": {"layers": [sloy.layers.Flatten(), sloy.layers.Dense(3)]},
        "sloy.plan": {"data": table, "target": "b", "network": "mlp"},
        "sloy.Problem": {"loss": sloy.losses.SquaredError()},
        "sloy.prune": {"model": deep, "keep": 0.9, "time": False},
        "sloy.grow": {"network": hidden, "rounds": 1, **short},
        "sloy.search_activations": {"network": hidden, "runs": 1, **short},
        "sloy.tune": {
            "data": table,
            "space": {"learning_rate": sloy.search.Float(0.001, 0.1)},
            "target": "b",
            "network": "mlp",
            "epochs": 1,
            "trials": 1,
            "out": str(folder / "tuned"),
        },
        "sloy.gradients": {"loss": "categorical_crossentropy"},
        "sloy.fit_members": {
            "network": members.network,
            "data": members.data,
            "parameters": members.start(),
            "epochs": 1,
        },
        "sloy.data.PictureReader": {"size": (8, 8)},
        "sloy.data.read_idx": {"path": str(folder / "x.idx")},
        "sloy.data.picture_folder": {"source": str(pictures), "size": 8},
        "sloy.data.stream": {"source": str(pictures), "size": 8},
        "sloy.data.read_image": {"path": str(pictures / "a/0.png")},
        "sloy.engines.available": {"name": "native"},
        "sloy.engines.processes_of": {"name": "reference"},
        "sloy.engines.restored": {
            "threads": 1,
            "deterministic": "any-threads",
            "precision": "float32",
        },
        "sloy.errors.ToleranceNotMet": {"message": "a", "error": 0.5, "units": 3},
        "sloy.experiments.Experiment": {"source": values["experiment"].source},
        "sloy.experiments.branch": {
            "parent": run,
            "out": str(folder / "branch"),
            "epoch": 2,
            "engine": "reference",
            "learning_rate": 0.01,
        },
        "sloy.experiments.diagnose": ended,
        "sloy.experiments.resume": ended,
        "sloy.experiments.examine": {"model": str(Path(run) / "model.sloy"), "data": table},
        "sloy.experiments.prune": {
            "model": str(Path(run) / "model.sloy"),
            "data": table,
            "keep": 0.9,
            "out": str(folder / "pruned"),
        },
        "sloy.experiments.report": {
            "run": run,
            "path": str(folder / "report.html"),
            "engine": "reference",
        },
        "sloy.experiments.source_of": {"data": table},
        "sloy.pretrained.fetch": {
            "found": sloy.pretrained.published("vgg11"),
            "folder": str(folder / "none"),
        },
        "sloy.pretrained.published": {"name": "vgg11"},
        "sloy.search.Int": {"low": 1, "high": 9},
        "sloy.search.Layers": {"least": 1, "most": 3},
        "sloy.search.space_of": {"document": {"learning_rate": {"float": [0.001, 0.1]}}},
        "sloy.inspection.png": {
            "figure": sloy.inspection.curves_figure({"epoch": [1], "loss": [1.0]})
        },
        "sloy.inspection.importance": {"table": x, "target": y},
        "sloy.inspection.importance_figure": {
            "found": sloy.inspection.importance(values["model"], x, target=y)
        },
        "sloy.inspection.mistakes_figure": {"pictures": np.zeros((COUNT, 8, 8, 1), np.uint8)},
        "sloy.inspection.pruning_figure": {
            "pruned": sloy.prune(deep, (x, y), keep=0.9, time=False)
        },
        "sloy.inspection.partial_dependence": {"data": x, "column": 0},
        "sloy.inspection.partial_dependence_figure": {
            "found": [sloy.inspection.partial_dependence(values["model"], x, 0)]
        },
        "sloy.pretrained.read_pretrained": {"name": "vgg11", "weights": str(folder / "model.sloy")},
        "sloy.inspection.search_importance_figure": {"importance": {"learning_rate": 1.0}},
        "sloy.inspection.curves_figure": {"history": {"epoch": [1, 2], "loss": [0.5, 0.25]}},
        "sloy.lecture.program": {"row": sloy.lecture.find("L2")},
        "sloy.pages.script": {"name": "grid.js"},
    }


def _picture(path: Path, number: int) -> None:
    from PIL import Image

    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def _of_theory(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    theory, layers = sloy.theory, sloy.layers
    x = values["x"]
    plane, halves = x[:, :2], np.arange(COUNT) % 2
    line = sloy.Network((4,), [layers.Dense(1)])
    real = (x, x[:, :1])
    dropping = sloy.Network((4,), [layers.Dense(3), layers.Dropout(0.5), layers.Dense(2)])
    dropped, _ = sloy.fit(dropping, (x, halves), epochs=1, verbose=False, engine="reference")
    descent = theory.compare_descents(line, real, epochs=1)
    logic = theory.network_from_truth_table("0111")
    pictured = sloy.Network((8, 8, 1), [layers.Flatten(), layers.Dense(3)])
    sees, _ = sloy.fit(
        pictured,
        (values["pictures"], np.arange(4) % 3),
        epochs=1,
        verbose=False,
        engine="reference",
    )
    trace = theory.trace_step(line, x[0], x[0, :1])
    neuron = theory.Neuron([1.0, 2.0])
    drops = {"network": dropping, "parameters": dropped.parameters}
    output, target = ops.input("o", (2, 3)), ops.input("y", (2, 3))
    given: dict[str, dict[str, Any]] = {
        "AND": {"x": [[0, 1]]},
        "OR": {"x": [[0, 1]]},
        "NOT": {"x": [[1]]},
        "Neuron": {"weights": [1.0, 2.0]},
        "approximation_figure": {"approximation": theory.approximate(np.sin, (0, 1), 0.1)},
        "check_gradient": {"function": ops.tanh},
        "coadaptation_figure": {
            "found": theory.coadaptation((0.0, 0.5), objects=40, units=4, epochs=1, seeds=1)
        },
        "compare_descents": {"network": line, "data": real},
        "descent_figure": {"descent": descent},
        "path_animation": {"descent": descent, "frames": 2},
        "disjunction_network": {"disjunction": theory.minimize("0111")},
        "dropout_figure": {"network": dropping},
        "dropout_masks": {"network": dropping},
        "exact_dropout_mean": {**drops, "x": x[0]},
        "thinned_outputs": {**drops, "x": x[0]},
        "gradient_cost_figure": {"cost": theory.gradient_cost((2, 3), timing=False)},
        "half_planes_figure": {"model": logic},
        "table_of": {"model": logic},
        "to_expression": {"model": logic},
        "half_squared_error": {"output": output, "target": target},
        "log_loss": {"output": output, "target": target},
        "invariance": {"model": sees, "labels": np.arange(4) % 3},
        "invariance_figure": {
            "found": theory.invariance(
                sees, values["pictures"], np.arange(4) % 3, shifts=(1,), turns=(15,)
            )
        },
        "learn_per_object": {"network": line, "data": real, "max_epochs": 2},
        "loss_values": {"outputs": x, "targets": x},
        "naive_gradients": {
            "network": line,
            "parameters": sloy.fit(line, real, epochs=1, verbose=False)[0].parameters,
            "y": x[:, :1],
        },
        "neuron_figure": {"neuron": neuron, "x": plane, "y": halves},
        "neuron_scheme_figure": {"neuron": neuron},
        "perceptron_rule": {"x": plane, "y": halves, "max_epochs": 3},
        "separate": {"x": plane, "y": halves},
        "trace_figure": {"trace": trace},
        "trace_step": {"network": line, "x": x[0], "y": x[0, :1]},
    }
    return {f"sloy.theory.{name}": one for name, one in given.items()} | {
        "sloy.app.hand.told": {"trace": trace}
    }


def _of_apps(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    from sloy.app.designs import Design
    from sloy.app.line import Line
    from sloy.app.scenes import made
    from sloy.engines import engine

    scene = made("moons", count=40)
    parts = {"scene": scene, "design": Design(), "engine": engine("reference")}
    table = Path(values["source"])
    return {
        "sloy.app.hand.of_line": {"line": Line(**parts)},
        "sloy.app.hand.of_picture": {"name": "cross", "pixels": None},
        "sloy.app.hand.picture": {"name": "cross"},
        "sloy.app.line.Line": parts,
        "sloy.app.scenes.made": {"name": "moons"},
        "sloy.app.scenes.of_table": {"path": table, "name": "t.csv", "target": "b", "columns": [], "axes": ["a", "c"]},
        "sloy.app.scenes.seen": {"columns": list("abcd"), "axes": ["a", "b"], "classes": list("uvw")},
        "sloy.app.scenes.of_pictures": {"data": sloy.data.Dataset(np.zeros((COUNT, 4, 4, 1)), values["y"])},
    }  # fmt: skip
