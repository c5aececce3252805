"""The training loop as a text: the step's graph, an engine, and epochs of batches; `sloy.fit` without its conveniences.

python examples/loop_by_hand.py
"""

from __future__ import annotations

import numpy as np

import sloy
from sloy.engines import engine
from sloy.graph.threefry import fold_in, make_key, permutation
from sloy.layers import Dense, ReLU
from sloy.losses import CategoricalCrossentropy
from sloy.training.step import initial_variables, training_graph


def main() -> None:
    data = sloy.data.mnist().train.take(range(6_400))
    x = data.x.reshape(len(data), -1) / np.float32(255)  # (N, 784)
    network = sloy.Network((784,), [Dense(64), ReLU(), Dense(10)])
    problem = sloy.Problem(network, CategoricalCrossentropy())
    recipe = sloy.Recipe(optimizer="adam", batch_size=64, epochs=3)

    graph = training_graph(
        problem, recipe, recipe.batch_size
    )  # forward, backward, update: one graph
    runs = engine("auto")
    variables = initial_variables(problem, recipe)  # parameters and optimiser slots, by name
    step = runs.compile(graph, variables)  # …which each run of a step changes in place
    columns = {"x": x, "y": data.y.astype(np.int32), "sample_weight": np.ones(len(x), np.float32)}
    steps = len(x) // recipe.batch_size
    for epoch in range(recipe.epochs):
        order = permutation(len(x), fold_in(make_key(recipe.seed, "shuffle"), epoch))
        per_step = {
            "learning_rate": np.full(steps, 1e-3, np.float32),
            "step": np.arange(epoch * steps, (epoch + 1) * steps, dtype=np.uint32),
        }
        run = runs.run_batches(
            {recipe.batch_size: step}, columns, order, recipe.batch_size, per_step
        )
        print(f"epoch {epoch + 1}: loss {run.outputs['loss'].mean():.4f}")

    same, history = sloy.fit(
        network, (x, data.y), recipe=recipe, learning_rate=1e-3, preprocessing="none", verbose=False
    )
    equal = all(np.array_equal(same.parameters[name], variables[name]) for name in network.shapes)
    print(f"sloy.fit: loss {history['loss'][-1]:.4f}, the same weights to the last bit: {equal}")


if __name__ == "__main__":
    main()
