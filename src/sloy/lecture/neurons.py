"""L1–L5: a neuron, logic, and the two theorems of what networks can be."""


def neuron() -> None:
    """L1."""
    import numpy as np

    import sloy

    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(-1, 0.6, (40, 2)), random.normal(1, 0.6, (40, 2))])
    y = np.repeat([0, 1], 40)

    sigmoid = sloy.theory.Neuron([0, 0], 0, "sigmoid")
    trained, _ = sigmoid.train(
        x, y, epochs=50, optimizer=sloy.SGD(0.5), batch_size=16, verbose=False
    )
    print(trained.equation())
    print("right:", np.mean((trained(x) > 0.5) == y))

    threshold = sloy.theory.Neuron([0, 0], 0, "sign")
    learned, run = threshold.train(x, 2 * y - 1, max_epochs=50)
    print(learned.equation())
    print(run)
    sloy.theory.neuron_figure(learned, x, y).savefig("L1.png", dpi=80)


def logic() -> None:
    """L2."""
    import sloy

    inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
    print("AND", sloy.theory.AND.equation(), sloy.theory.AND(inputs))
    print("OR ", sloy.theory.OR.equation(), sloy.theory.OR(inputs))
    print("NOT", sloy.theory.NOT.equation(), sloy.theory.NOT([[0], [1]]))
    sloy.theory.neuron_figure(sloy.theory.AND).savefig("L2.png", dpi=80)


def xor() -> None:
    """L3."""
    import numpy as np

    import sloy
    from sloy.layers import Dense, Tanh

    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    xor = np.array([0, 1, 1, 0])
    print(sloy.theory.separable(xor))  # no single neuron can: the proof

    product = sloy.theory.xor_by_product()
    print("one neuron that sees x1·x2:", product(inputs).ravel())
    sloy.inspection.decision_figure(
        product, inputs, xor, title="One neuron that sees x1·x2"
    ).savefig("L3.product.png", dpi=80)

    layers = sloy.theory.xor_by_layers()
    print("two layers, OR minus AND:  ", layers(inputs).ravel())
    sloy.theory.half_planes_figure(layers).savefig("L3.png", dpi=80)

    # A network that finds its own way, step by step; in a browser: L3.learning.html, press Play.
    network = sloy.Network((2,), [Dense(3), Tanh(), Dense(1)])
    learning = sloy.inspection.descent_animation(
        network, (inputs, xor), loss="binary_crossentropy", optimizer=sloy.Adam(0.1),
        epochs=150, frames=16, title="XOR",
    )  # fmt: skip
    learning.save("L3.learning.html")
    print("learned:", learning.model.predict(inputs))


def boolean() -> None:
    """L4."""
    import sloy

    model = sloy.theory.network_from_expression("(a & ~b) | c")
    print(model.network.summary())
    print(sloy.theory.to_expression(model, ["a", "b", "c"]))
    sloy.theory.wiring_figure(model, ["a", "b", "c"]).savefig("L4.png", dpi=80)

    parity = sloy.theory.network_from_truth_table([0, 1, 1, 0, 1, 0, 0, 1])
    print("parity of three:", sloy.theory.to_expression(parity))


def approximation() -> None:
    """L5."""
    import numpy as np

    import sloy

    found = sloy.theory.approximate(np.sin, (0, 2 * np.pi), 0.1)
    print(found)
    sloy.theory.approximation_figure(found).savefig("L5.png", dpi=80)
    print(sloy.theory.approximate(np.sin, (0, 2 * np.pi), 0.001, activation="relu"))
    plane = ((0, 3), (0, 1))  # of two variables
    print(sloy.theory.approximate(lambda x, y: np.sin(x) * y, plane, 0.1))
