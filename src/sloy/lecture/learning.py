"""L11–L15: what goes wrong and what helps, the loss of a classifier, dropout, activations."""


def drawbacks() -> None:
    """L11."""
    import numpy as np

    import sloy
    from sloy.layers import Dense, Sigmoid

    slow = sloy.theory.slow_convergence()
    minima = sloy.theory.local_minima()
    paralysed = sloy.theory.paralysis()
    print(slow, minima, paralysed, sep="\n\n", end="\n\n")

    # Overfitting: the training loss falls while that of unseen objects rises.
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 5)), random.integers(0, 2, 60)  # nothing to learn: noise
    _, history = sloy.fit(
        sloy.Network((5,), [Dense(32), Sigmoid(), Dense(2)]),
        (x, y),
        validation=0.5,
        epochs=150,
        batch_size=10,
        optimizer=sloy.Adam(0.03),
        verbose=False,
    )
    best = int(np.argmin(history["val_loss"]))
    print(f"best after epoch {best + 1}; then val_loss rises to {history['val_loss'][-1]:.2f}")
    sloy.theory.drawbacks_figure(slow, minima, paralysed, history).savefig("L11.png", dpi=80)


def remedies() -> None:
    """L12."""
    import numpy as np

    import sloy
    from sloy.layers import Dense, Dropout, PerNeuron, ReLU, Tanh
    from sloy.regularizers import L2, MaxNorm

    found = sloy.theory.overfitting()
    print(found)
    sloy.theory.drawbacks_figure(found).savefig("L12.png", dpi=80)

    # The other means, together in one network
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 5))
    y = (x[:, 0] * x[:, 1] + random.normal(0, 0.5, 400) > 0).astype(int)
    network = sloy.Network(
        (5,),
        [
            Dense(32, weight_initializer="he_normal", weight_regularizer=L2(1e-3)),
            PerNeuron([(Tanh(), 16), (ReLU(), 16)]),  # an activation for each neuron
            Dropout(0.2),
            Dense(2, weight_constraint=MaxNorm(2.0)),
        ],
    )
    _, history = sloy.fit(
        network,
        (x, y),
        validation=0.25,
        epochs=200,
        batch_size=20,
        optimizer=sloy.Adam(sloy.schedules.ReduceOnPlateau(0.02)),  # the size of the step
        patience=15,
        verbose=False,
    )
    accuracy = max(history["val_accuracy"])
    print(f"stopped after {len(history)} epochs, accuracy on unseen objects {accuracy:.2f}")


def classification_loss() -> None:
    """L13."""
    import numpy as np

    import sloy
    from sloy import ops
    from sloy.graph import Graph

    logits = np.array([[2.0, 0.0, -1.0], [1000.0, 0.0, -1000.0], [1000.0, 0.0, -1000.0]])
    classes = np.array([0, 0, 2], np.int32)

    loss = sloy.losses.loss("categorical_crossentropy")
    output, target = ops.input("output", (3, 3), "float64"), ops.input("target", (3,), "int32")
    graph = Graph.of({"L": loss.per_sample(output, target), "P": loss.prediction(output)})
    found = (
        sloy.engines.engine("reference")
        .compile(graph, {})
        .run({"output": logits, "target": classes})
    )
    print("L =", found["L"])  # 2000 for the wrong and certain answer, not infinity
    print("by the formula, first object:", -np.log(found["P"][0, 0]))

    random = np.random.default_rng(
        0
    )  # two classes that overlap, 95 objects of one and 5 of the other
    x, y = random.normal(size=(1000, 2)), (np.arange(1000) % 20 == 0).astype(int)
    x[y == 1] += 1.5
    for weight in (None, "balanced"):
        neuron = sloy.Network((2,), [sloy.layers.Dense(2)])
        model, _ = sloy.fit(neuron, (x, y), class_weight=weight, epochs=20, verbose=False)
        print(
            f"class_weight={weight}: finds {100 * (model.predict(x[y == 1]) == 1).mean():.0f} % of the rare class"
        )


def dropout() -> None:
    """L14."""
    import numpy as np

    import sloy
    from sloy.layers import Dense, Dropout, ReLU

    network = sloy.Network((4,), [Dropout(0.2), Dense(6), ReLU(), Dropout(0.5), Dense(2)])
    sloy.theory.dropout_figure(network, steps=3).savefig("L14.png", dpi=80)

    last = sloy.Network((4,), [Dense(6), ReLU(), Dropout(0.5), Dense(1)])
    parameters = last.initialize(1)
    thinned = sloy.theory.thinned_outputs(last, parameters, np.ones(4), draws=20_000)
    in_use = sloy.theory.ready_model(last, parameters)(np.ones((1, 4)))
    print(f"thinned outputs: {thinned.mean():.3f} on average, in use {in_use[0, 0]:.3f}")


def activations() -> None:
    """L15."""
    import sloy
    from sloy.layers import ELU, LeakyReLU, Maxout, ReLU, Sigmoid, Sign, Tanh

    for activation in (Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.1), ELU()):
        print(activation, sloy.theory.check_gradient(activation))
    print(Sign(), sloy.theory.activation_values(Sign(), [-2.0, 3.0]))
    print(sloy.Network((5,), [Maxout(4, pieces=2)]).summary())
    sloy.theory.activations_figure().savefig("L15.png", dpi=80)
