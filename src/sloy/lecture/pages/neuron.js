"use strict";
// L1, L2: a(x) = σ(w0 + w1·x1 + w2·x2) in the plane of its two inputs.

const sum = (w, x) => w[0] + w[1] * x[0] + w[2] * x[1];
const answer = (kind, w, x) => FUNCTIONS[kind].value(sum(w, x));

/** One pass of learning over the objects, one at a time; gives the new weights.
 *
 * Thresholds learn by the perceptron rule (an object with z = 0 counts as wrong), the sigmoid by the gradient of the
 * log-loss, tanh by that of (a - y)²/2 with answers -1 and 1.
 */
function learned(kind, w, objects, rate) {
  let next = [...w];
  for (const { x, yes } of objects) {
    const z = sum(next, x),
      a = FUNCTIONS[kind].value(z),
      side = yes ? 1 : -1;
    const push = {
      heaviside: side * z <= 0 ? side : 0,
      sign: side * z <= 0 ? side : 0,
      sigmoid: rate * ((yes ? 1 : 0) - a),
      tanh: rate * (side - a) * FUNCTIONS.tanh.slope(z),
    }[kind];
    next = [next[0] + push, next[1] + push * x[0], next[2] + push * x[1]];
  }
  return next;
}

/** The sum written out: "−1.5 + 1·0.3 + 1·0.8". */
const sumText = (w, x) =>
  `${written(w[0])} + ${bracketed(w[1])}·${bracketed(x[0])} + ${bracketed(w[2])}·${bracketed(x[1])}`;

/** The neuron as a formula of x₁ and x₂: "[−1.5 + 1·x₁ + 1·x₂ > 0]". */
function formulaText(kind, w) {
  const z = `${written(w[0])} + ${bracketed(w[1])}·x₁ + ${bracketed(w[2])}·x₂`;
  return { heaviside: `[${z} > 0]`, sign: `sign(${z})`, sigmoid: `σ(${z})`, tanh: `tanh(${z})` }[kind];
}

/** The mean of log(1 + e^-z) over objects that should be 1, and of log(1 + e^z) over the others. */
function meanLogLoss(w, objects) {
  const losses = objects.map(({ x, yes }) => {
    const z = yes ? sum(w, x) : -sum(w, x);
    return Math.log1p(Math.exp(-Math.abs(z))) + Math.max(0, -z);
  });
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}

/** The weights as an arrow from the line's middle, to the side of the ones. */
function weightArrow(plane, w, range) {
  const length = Math.hypot(w[1], w[2]),
    middle = (range[0] + range[1]) / 2;
  if (length < 1e-9) return [];
  const away = sum(w, [middle, middle]) / length;
  const from = [middle - (away * w[1]) / length, middle - (away * w[2]) / length],
    size = (range[1] - range[0]) / 9;
  const to = [from[0] + (size * w[1]) / length, from[1] + (size * w[2]) / length];
  const back = (turn) => {
    const a = Math.atan2(w[2], w[1]) + turn;
    return [to[0] - (size / 3) * Math.cos(a), to[1] - (size / 3) * Math.sin(a)];
  };
  return [plane.line(plane.through([from, to])), plane.line(plane.through([back(0.5), to, back(-0.5)]))];
}

function neuronPage({ weights, activation, objects, range, targets, target, presets, at }) {
  let w = [...weights],
    kind = activation,
    wanted = target,
    hovered = null;
  const corners = targets !== undefined;
  const plane = new Plane({
    label: say("plane"),
    x: range,
    y: range,
    names: ["x₁", "x₂"],
    about: corners ? "corners_hint" : "points_hint",
  });

  const weightSliders = [0, 1, 2].map((j) =>
    slider({
      label: `w${subscript(j)}`,
      name: `w${j}`,
      key: `w${j}`,
      value: w[j],
      low: -5,
      high: 5,
      changed: (value) => {
        w[j] = value;
        draw();
      },
    }),
  );
  const setWeights = (next) => {
    w = [...next];
    weightSliders.forEach((one, j) => one.set(w[j]));
    draw();
  };
  const functions = choice({
    label: "σ",
    value: kind,
    changed: (key) => {
      kind = key;
      draw();
    },
    options: { heaviside: say("heaviside"), sign: say("sign"), sigmoid: say("sigmoid"), tanh: say("tanh") },
  });

  const points = objects.map((one) => newPoint(one.x, one.yes));
  const eye = movable(plane, {
    kind: "probe",
    place: at,
    named: ([x, y]) => say("probe", { x: written(x), y: written(y) }),
    moved: draw,
  });
  eye.draw(probe());
  plane.drawing.addEventListener("pointermove", (event) => {
    hovered = plane.at(event);
    tell();
  });
  plane.drawing.addEventListener("pointerleave", () => {
    hovered = null;
    tell();
  });
  plane.surface.addEventListener("click", (event) => {
    eye.place = plane.at(event).map((v) => Number(v.toPrecision(4)));
    draw();
  });

  function newPoint(x, yes) {
    let point = null;
    point = movable(plane, {
      kind: "object",
      place: x,
      moved: corners ? null : draw,
      named: ([a, b]) =>
        say("object", { x: written(a), y: written(b), class: point ? Number(point.yes) : Number(yes) }),
      entered: corners
        ? null
        : () => {
            point.yes = !point.yes;
            draw();
          },
      deleted: corners
        ? null
        : () => {
            const index = points.indexOf(point);
            points.splice(index, 1);
            point.element.remove();
            (points[index] || points.at(-1) || eye).element.focus();
            draw();
          },
    });
    point.yes = yes;
    return point;
  }
  const isYes = (point) => (corners ? Boolean(targets[wanted][points.indexOf(point)]) : point.yes);
  const isRight = (point) => sum(w, point.place) > 0 === isYes(point);
  const known = () => points.map((point) => ({ x: point.place, yes: isYes(point) }));

  const equation = html("p", { class: "says formula", "data-name": "equation" });
  const reading = html("p", { class: "says formula" }),
    value = html("output", { "data-name": "answer" });
  const score = live("score"),
    loss = html("p", { class: "says" });
  const corner = corners && table(say("corners"), ["x₁", "x₂", "z", "a", say("wanted"), say("right")]);
  const answerLine = html("p", { class: "says" }, `${say("answer")} a = `, value);

  function tell() {
    const x = hovered || eye.place,
      z = sum(w, x);
    reading.textContent = `x = (${written(x[0])}, ${written(x[1])}):  z = ${sumText(w, x)} = ${written(z)}`;
    show(value, FUNCTIONS[kind].value(z));
  }
  function draw() {
    plane.shade((x, y) => tint(share(kind, answer(kind, w, [x, y]))));
    plane.lines.replaceChildren(
      plane.line(plane.contour((x, y) => sum(w, [x, y]))),
      ...weightArrow(plane, w, range),
    );
    for (const point of points) point.draw(object(isYes(point), !isRight(point)));
    eye.draw();
    equation.textContent = `a(x) = ${formulaText(kind, w)}`;
    const right = points.filter(isRight).length;
    score.textContent = say("score", { right, total: points.length });
    score.dataset.value = right;
    if (corners)
      fillTable(
        corner.body,
        points.map((point) => [
          point.place[0],
          point.place[1],
          sum(w, point.place),
          answer(kind, w, point.place),
          Number(isYes(point)),
          mark(isRight(point)),
        ]),
      );
    loss.hidden = kind !== "sigmoid" || !points.length;
    if (!loss.hidden) {
      const mean = meanLogLoss(w, known());
      loss.textContent = say("log_loss", { loss: written(mean) });
      loss.dataset.value = mean;
    }
    tell();
  }
  const wantedList =
    corners &&
    dropdown({
      label: say("function"),
      value: wanted,
      changed: (key) => {
        wanted = key;
        draw();
      },
      options: Object.fromEntries(Object.keys(targets).map((key) => [key, say(key)])),
    });
  const presetButtons = buttons(
    say("presets"),
    Object.entries(presets).map(([name, numbers]) =>
      button(say(name), () => {
        if (corners && name in targets) wantedList.select.value = wanted = name;
        setWeights(numbers);
      }),
    ),
  );
  const changes =
    corners ||
    buttons(say("points"), [
      button(say("learn"), () => setWeights(learned(kind, w, known(), 0.1))),
      ...[1, 0].map((yes) =>
        button(say("add", { class: yes }), () => {
          points.push(newPoint([...eye.place], Boolean(yes)));
          draw();
        }),
      ),
    ]);
  work(
    "",
    panel(plane.element),
    panel(
      wantedList && wantedList.element,
      sliders(say("weights"), weightSliders),
      functions.element,
      presetButtons,
      score,
      html("div", {}, equation, reading, answerLine, loss),
      corners ? corner.element : changes,
    ),
  );
  draw();
}

if (told.page === "neuron") neuronPage(told.start);
