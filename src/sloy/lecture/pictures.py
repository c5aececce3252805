"""L16–L25: pictures, convolution, and networks for them."""


def grid() -> None:
    """L16."""
    import numpy as np

    import sloy

    digit = sloy.data.mnist().train.x[0, 5:25, 4:24]
    print(sloy.theory.numeric_grid(digit))
    sloy.theory.numeric_grid_figure(digit, "A digit of MNIST").savefig("L16.png", dpi=80)

    # Colours are three grids. A picture of your own: numeric_grid_figure("cat.jpg", size=20).
    y, x = np.mgrid[:9, :9]
    sunset = np.stack([255 - 6 * y, 180 - 14 * y, 60 + 20 * y], axis=-1)  # (H, W, 3)
    sunset[np.hypot(x - 4, y - 5) < 2.4] = 255, 230, 90
    print(sloy.theory.numeric_grid(sunset))
    sloy.theory.numeric_grid_figure(sunset, "A sunset").savefig("L16.colour.png", dpi=80)


def convolution() -> None:
    """L17."""
    import sloy

    digit = sloy.data.mnist().train.x[0]
    edges = [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]  # more ink above than below
    print(
        sloy.theory.convolve(digit, edges).shape,
        sloy.theory.convolve(digit, edges, edges="valid").shape,
    )
    sloy.theory.response_figure(digit[..., 0], edges, "Horizontal edges").savefig("L17.png", dpi=80)


def curve_detector() -> None:
    """L18."""
    import sloy
    from sloy.theory import CURVE_FILTER, CURVE_PATCH, OTHER_PATCH

    print(sloy.theory.convolve(CURVE_PATCH, CURVE_FILTER, edges="valid"))
    print(sloy.theory.convolve(OTHER_PATCH, CURVE_FILTER, edges="valid"))
    drawing = sloy.theory.curve_drawing()
    sloy.theory.response_figure(drawing, CURVE_FILTER, "A curve detector").savefig("L18.png")


def by_hand() -> None:
    """L19."""
    import sloy
    from sloy.theory import EDGE_FILTER, EXAMPLE_MATRIX

    print(sloy.theory.convolve(EXAMPLE_MATRIX, EDGE_FILTER, edges="valid"))
    print(sloy.theory.explain_convolution(EXAMPLE_MATRIX, EDGE_FILTER, at="all"))
    sloy.theory.convolution_steps_figure(EXAMPLE_MATRIX, EDGE_FILTER).savefig("L19.png", dpi=80)


def layer() -> None:
    """L20."""
    import numpy as np

    import sloy
    from sloy.layers import Conv2D, Flatten

    # A layer learns the lecture's filter from pictures and what the filter makes of them.
    pictures = np.random.default_rng(0).normal(size=(200, 12, 12, 1))
    targets = np.stack(
        [sloy.theory.convolve(p, sloy.theory.EDGE_FILTER, edges="valid").ravel() for p in pictures]
    )
    model, _ = sloy.fit(
        sloy.Network((12, 12, 1), [Conv2D(1, 3), Flatten()]),
        (pictures, targets),
        epochs=30,
        batch_size=20,
        optimizer=sloy.Adam(0.05),
        preprocessing=None,
        verbose=False,
    )
    weights = model.parameters["conv2d_1/weight"]
    print(weights[..., 0, 0].round(2))
    sloy.inspection.filters_figure(weights, "The filter that was learned").savefig("L20.png")
    print(
        sloy.Network(
            (32, 32, 4), [Conv2D(8, 3, stride=2, padding="same", dilation=1, groups=2)]
        ).summary()
    )


def features() -> None:
    """L21."""
    import numpy as np

    import sloy
    from sloy import inspection
    from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU

    digits = sloy.data.mnist()
    layers = [Conv2D(8, 5), MaxPool2D(2), ReLU(), Conv2D(16, 3), MaxPool2D(2), ReLU()]
    layers += [Conv2D(32, 3), ReLU(), Flatten(), Dense(10)]
    network = sloy.Network((28, 28, 1), layers)
    train, rate = digits.train.take(range(5000)), sloy.Adam(0.003)
    model, _ = sloy.fit(network, train, epochs=2, batch_size=50, optimizer=rate, verbose=False)

    # Deeper neurons see more of a picture, and care more for what it is.
    x, y = digits.test.x[:1000], digits.test.y[:1000]
    names = ("conv2d_1", "conv2d_2", "conv2d_3", "dense_1")
    for name, channels in zip(names, (8, 16, 32, 10), strict=True):
        print(inspection.receptive_field(network, name))
        found = inspection.exciting_patches(model, x, name, range(channels), 9)
        kinds = [np.bincount(y[[p.sample for p in patches]]).max() for patches in found.values()]
        print(f"  of 9 digits that excite a neuron most, {np.mean(kinds):.1f} are the same")
    weights = model.parameters["conv2d_1/weight"]
    inspection.filters_figure(weights, "Filters of the first layer").savefig(
        "L21.filters.png", dpi=80
    )
    title = "What excites neurons, layer by layer"
    figure = inspection.hierarchy_figure(model, x, names, channels=(6, 7), title=title)
    figure.savefig("L21.png", dpi=80)
    print(sloy.theory.invariance(model, x[:200], y[:200]))


def pooling() -> None:
    """L22."""
    import sloy
    from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D

    picture = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
    print(sloy.theory.max_pool(picture, 2))
    gradient = [[0.1, -0.2], [0.3, 0.4]]  # of these four numbers, from the layer behind
    print(sloy.theory.max_pool_gradient(picture, gradient, 2))
    sloy.theory.pooling_figure(picture, 2, gradient=gradient).savefig("L22.png")

    without = sloy.Network((28, 28, 1), [Conv2D(8, 3), Flatten(), Dense(10)])
    pooled = sloy.Network((28, 28, 1), [Conv2D(8, 3), MaxPool2D(2), Flatten(), Dense(10)])
    print(
        "parameters:",
        without.parameter_count,
        "without pooling,",
        pooled.parameter_count,
        "with it",
    )


def digits() -> None:
    """L23."""
    import sloy

    digits = sloy.data.mnist()
    few = digits.train.take(range(5000))  # `sloy train mnist` learns 54 000, and 99 % are right
    network, rate = sloy.zoo.fast((28, 28, 1), 10), sloy.Adam(0.003)
    model, _ = sloy.fit(network, few, epochs=1, batch_size=50, optimizer=rate, verbose=False)
    predicted = model.predict(digits.test.x)
    print(f"{100 * (predicted == digits.test.y).mean():.1f} % of the 10 000 test digits are right")
    counts = sloy.inspection.confusion_counts(digits.test.y, predicted, 10)
    sloy.inspection.confusion_figure(counts).savefig("L23.png", dpi=80)


def standard() -> None:
    """L24."""
    import sloy

    standard, lenet = sloy.zoo.standard_cnn((32, 32, 3), 10), sloy.zoo.lenet5((28, 28, 1), 10)
    print(standard.summary())
    print(lenet.summary())
    draw = sloy.inspection.architecture_figure
    draw(standard, "The standard architecture").savefig("L24.png")
    draw(lenet, "LeNet-5").savefig("L24.lenet.png")


def vgg() -> None:
    """L25."""
    import sloy

    network = sloy.zoo.vgg(16, (224, 224, 3), 1000)
    print(f"VGG-16: {network.parameter_count} parameters")
    sloy.inspection.architecture_figure(network, "VGG-16").savefig("L25.png")
    print(sloy.data.imagenet_classes()[281:285])

    small = sloy.zoo.vgg(11, (28, 28, 1), 10, batch_norm=True, width=1 / 8, units=64)
    digits = sloy.data.mnist()
    model, _ = sloy.fit(
        small, digits.train.take(range(2000)), epochs=1, batch_size=50, verbose=False
    )
    accuracy = model.evaluate(digits.test.take(range(1000)))["accuracy"]
    print(f"a small VGG-11 after 2000 digits: {100 * accuracy:.0f} %")
