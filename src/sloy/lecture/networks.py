"""L6–L10: the fully connected network, descent, and backpropagation."""


def fully_connected() -> None:
    """L6."""
    import numpy as np

    import sloy
    from sloy.layers import Dense, Sigmoid

    n, H, M = 2, 20, 3
    network = sloy.Network((n,), [Dense(H), Sigmoid(), Dense(M)])
    print(network.summary())
    print(network.parameter_count, "parameters; H (n + M + 1) + M =", H * (n + M + 1) + M)
    sloy.inspection.architecture_figure(network, "Two layers").savefig("L6.network.png")

    x = np.random.default_rng(0).uniform(-1, 1, (600, n))
    y = np.stack([x[:, 0] * x[:, 1], np.sin(3 * x[:, 0]), x[:, 1] ** 2], axis=1)  # (N, M)
    _, history = sloy.fit(
        network,
        (x, y),
        validation=0.2,
        epochs=60,
        batch_size=32,
        optimizer=sloy.Adam(0.03),
        verbose=False,
    )
    print("R² on objects held out:", round(history["val_r2"][-1], 3))
    sloy.inspection.curves_figure(history, "Three outputs at once").savefig("L6.png")


def optimisation() -> None:
    """L7."""
    import numpy as np

    import sloy
    from sloy.layers import Dense

    random = np.random.default_rng(0)
    x = random.uniform(-1, 2, (40, 1))
    y = 1.5 * x - 0.5 + random.normal(0, 0.3, (40, 1))

    line = sloy.Network((1,), [Dense(1)])
    start = {"dense_1/weight": np.array([[-1.0]]), "dense_1/bias": np.array([2.0])}
    ways = {"full batch": 40, "mini-batches of 8": 8, "object by object": 1}  # objects of a step
    descent = sloy.theory.compare_descents(
        line, (x, y), ways=ways, learning_rate=0.1, epochs=15, parameters=start
    )
    for name, path in descent.paths.items():
        print(f"{name}: {len(path.weights) - 1} steps, mean loss {path.losses[-1]:.4f}")
    sloy.theory.descent_figure(descent, "A straight line, fitted in three ways").savefig(
        "L7.png", dpi=80
    )


def cost() -> None:
    """L8."""
    import sloy

    cost = sloy.theory.gradient_cost()
    print(cost)
    sloy.theory.gradient_cost_figure(cost).savefig("L8.png", dpi=80)


def backpropagation() -> None:
    """L9."""
    import sloy
    from sloy.layers import Dense, Sigmoid, Tanh

    network = sloy.Network((2,), [Dense(2), Tanh(), Dense(1), Sigmoid()])
    trace = sloy.theory.trace_step(network, [1, 0], [1], learning_rate=0.5)
    print(trace)
    sloy.theory.trace_figure(trace).savefig("L9.png")

    xor = ([[0, 0], [0, 1], [1, 0], [1, 1]], [[0.0], [1.0], [1.0], [0.0]])
    wider = sloy.Network((2,), [Dense(4), Tanh(), Dense(1), Sigmoid()])
    run = sloy.theory.learn_per_object(wider, xor, learning_rate=1.0)
    print(run)
    print("XOR:", run.model.predict(xor[0]).ravel().round(2))


def any_function() -> None:
    """L10."""
    import numpy as np

    import sloy
    from sloy import ops
    from sloy.layers import Activation, Dense

    network = sloy.Network(
        (1,), [Dense(16), Activation(lambda z: z * ops.tanh(ops.softplus(z))), Dense(1)]
    )
    loss = sloy.losses.CustomLoss(lambda a, y: ops.softplus(2.0 * (a - y)) - (a - y))
    print("σ:", sloy.theory.check_gradient(network.layers[1]))
    print("L:", sloy.theory.check_gradient(loss, [[0.5], [2.0]], [[1.0], [-1.0]]))

    x = np.linspace(-3, 3, 200)[:, None]
    model, _ = sloy.fit(
        network,
        (x, np.sin(x)),
        loss=loss,
        batch_size=1,
        epochs=100,
        optimizer=sloy.SGD(0.03),
        verbose=False,
    )
    model.save("L10.sloy")  # σ and L are saved inside, as graphs
    again = sloy.load("L10.sloy")
    print("largest error:", np.abs(again.predict(x) - np.sin(x)).max().round(3))
