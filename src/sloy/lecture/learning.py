"""L11–L15: what goes wrong and what helps, the loss of a classifier, dropout, activations."""


def drawbacks() -> None:
    """L11."""
    import numpy as np

    import sloy
    from sloy.initializers import Normal
    from sloy.layers import Dense, Sigmoid, Tanh

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

    # The diagnosis names each, and proves a remedy by forks of the same run.
    x, few = random.normal(size=(800, 2)), random.normal(size=(240, 5))
    different = x, (x[:, 0] * x[:, 1] > 0).astype(int)
    noisy = few, (few[:, 0] + few[:, 1] + random.normal(0, 0.7, 240) > 0).astype(int)
    large = Dense(16, weight_initializer=Normal(100.0))
    runs = [
        ("slow", Dense(16), different, 1e-5, 30),
        ("too few neurons", Dense(1), different, 0.03, 30),
        ("paralysed", large, different, 0.003, 30),
        ("by heart", Dense(64), noisy, 0.03, 150),
    ]
    for name, hidden, data, rate, epochs in runs:
        network = sloy.Network(data[0].shape[1:], [hidden, Tanh(), Dense(2)])
        report = sloy.diagnose(
            network, data, validation=0.4, epochs=epochs, batch_size=16, learning_rate=rate
        )
        finding = report.findings[0]
        proof = next(proof for proof in finding.proofs if proof.proved)
        print(f"{name}: {finding.name} ({finding.id}); {proof}")


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
    model, history = sloy.fit(
        network,
        (x, y),
        validation=0.25,
        epochs=200,
        batch_size=20,
        optimizer=sloy.Adam(sloy.schedules.ReduceOnPlateau(0.02)),  # the size of the step
        patience=15,
        verbose=False,
    )
    # Which connections matter: without those of half of the neurons, and without 70 % of all weights
    thin = sloy.prune(model, (x, y), validation=0.25, keep=0.5, time=False)
    sparse = sloy.prune(model, (x, y), validation=0.25, keep=0.3, weights=True, time=False)
    for pruned in (thin, sparse):
        remain = pruned.after.parameters - pruned.after.zeros
        before, after = pruned.comparison.losses
        print(f"{remain} of {pruned.before.parameters} weights: loss {before:.2f} → {after:.2f}")
    accuracy = history["val_accuracy"][
        np.argmin(history["val_loss"])
    ]  # the epoch whose weights are kept
    print(f"stopped after {len(history)} epochs, accuracy on the validation objects {accuracy:.2f}")

    # The number of neurons and of layers: a small network grows as long as that surely helps
    a, b = random.uniform(-1, 1, size=(2, 600))
    x, waves = np.stack([a, b], axis=1), (np.sin(4 * a) * np.cos(3 * b))[:, None]
    small = sloy.Network((2,), [Dense(4), ReLU(), Dense(1)])
    recipe = sloy.Recipe(learning_rate=0.02, schedule="one-cycle", epochs=30, batch_size=32)
    print(sloy.grow(small, (x, waves), rounds=3, recipe=recipe))

    # The activation of each neuron: a softmax of shares, learned by the same backprop as the weights
    def square(z: sloy.graph.Tensor) -> sloy.graph.Tensor:
        return z * z

    step = (np.tanh(10 * (a - b)) + 2 * (a + b) ** 2)[:, None]
    three = sloy.Network((2,), [Dense(3), Tanh(), Dense(1)])
    choices = (square, "relu", "tanh")
    print(sloy.search_activations(three, (x, step), choices=choices, recipe=recipe, epochs=60))


def classification_loss() -> None:
    """L13."""
    import numpy as np

    import sloy

    # Two classes: z is what comes before the sigmoid, a = 1 / (1 + exp(-z)) the probability of yes.
    z, y = np.array([2.0, -1.0, 1000.0]), np.array([1, 1, 0])
    print("L =", *sloy.theory.loss_values("binary_crossentropy", z[:, None], y).round(6))
    z, y = z[:2], y[:2]  # the formula as it stands; for the third it would take ln 0
    a = 1 / (1 + np.exp(-z))
    print("-[y ln a + (1-y) ln(1-a)] =", *-(y * np.log(a) + (1 - y) * np.log(1 - a)).round(6))

    # K classes: z_k are what comes before the softmax, P(k) = exp(z_k) / Σ exp(z).
    z, y = (
        np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 1.0], [1000.0, 0.0, -1000.0]]),
        np.array([0, 1, 2]),
    )
    print("L =", *sloy.theory.loss_values("categorical_crossentropy", z, y).round(6))
    P = np.exp(z[:2]) / np.exp(z[:2]).sum(axis=1, keepdims=True)
    print("-Σ [y = k] ln P(k) =", *-np.log(P[[0, 1], y[:2]]).round(6))

    # Two classes that overlap, 95 % of the objects in one and 5 % in the other.
    random = np.random.default_rng(0)
    x, y = random.normal(size=(1000, 2)), (np.arange(1000) % 20 == 0).astype(int)
    x[y == 1] += 1.5
    for weight in (None, "balanced"):
        neuron = sloy.Network((2,), [sloy.layers.Dense(2)])
        model, _ = sloy.fit(neuron, (x, y), class_weight=weight, epochs=20, verbose=False)
        found = 100 * (model.predict(x[y == 1]) == 1).mean()
        print(f"class_weight={weight}: finds {found:.0f} % of the rare class")


def dropout() -> None:
    """L14."""
    import numpy as np

    import sloy
    from sloy.layers import Conv2D, Dense, Dropout, Flatten, ReLU, Tanh

    network = sloy.Network((4,), [Dropout(0.2), Dense(6), ReLU(), Dropout(0.5), Dense(2)])
    sloy.theory.dropout_figure(network, steps=3).savefig("L14.png", dpi=80)

    for name, shape, layers in (
        ("dense", (4,), [Dense(6), ReLU(), Dropout(0.5), Dense(1)]),
        ("convolution", (5, 5, 1), [Conv2D(1, 3), ReLU(), Dropout(0.25), Flatten(), Dense(1)]),
        ("tanh behind it", (4,), [Dense(6), ReLU(), Dropout(0.5), Dense(1), Tanh()]),
    ):
        net = sloy.Network(shape, layers)
        parameters, x = net.initialize(1), np.random.default_rng(0).normal(size=shape)
        mean = sloy.theory.exact_dropout_mean(net, parameters, x)  # over all masks
        in_use = sloy.theory.ready_model(net, parameters, dtype="float64")(x[None])
        drawn = sloy.theory.thinned_outputs(net, parameters, x, draws=1000)
        error = drawn.std() / np.sqrt(len(drawn))  # standard error of the mean
        print(f"{name}: in use {in_use[0, 0]:.6f}, mean over all masks {mean[0]:.6f},")
        print(f"    mean of 1000 drawn {drawn.mean():.3f} ± {error:.3f}")


def activations() -> None:
    """L15."""
    import numpy as np

    import sloy
    from sloy.layers import ELU, LeakyReLU, Maxout, ReLU, Sigmoid, Sign, Tanh

    for activation in (Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.1), ELU()):
        print(activation, sloy.theory.check_gradient(activation))
    values, slopes = sloy.theory.activation_values(Sign(), [-2.0, 3.0])
    print(Sign(), "σ(z) =", values, "σ′(z) =", slopes)

    maxout = sloy.Network(
        (5,), [Maxout(4, pieces=2)]
    )  # it has weights, so it is checked as a network
    print(maxout.summary())
    parameters = maxout.initialize(0, "float64")
    x, y = np.random.default_rng(0).normal(size=(20, 5)), np.zeros((20, 4))
    exact = sloy.gradients(maxout, parameters, x, y, "squared_error")
    moved = sloy.theory.naive_gradients(maxout, parameters, x, y)
    difference = max(np.abs(exact[name] - moved[name]).max() for name in exact)
    print(f"Maxout: backprop and differences differ by {difference:.0e}")
    sloy.theory.activations_figure().savefig("L15.png", dpi=80)
