"use strict";
// L14: a layer of ReLU neurons u, dropout with probability p, one output Σ v_h·u_h·m_h / (1 - p) + v_0.

const relu = (z) => Math.max(0, z);

/** The hidden answers for the object x: weights (inputs, hidden), biases (hidden,). */
function hiddenAnswers({ weights, biases, x }) {
  return biases.map((bias, h) =>
    relu(bias + x.reduce((total, value, j) => total + value * weights[j][h], 0)),
  );
}

/** What the output neuron gives with a mask of 0 and 1; in use there is none. */
function outputWith(u, { v, v0 }, p, mask, squash) {
  const z = v0 + u.reduce((total, value, h) => total + v[h] * value * (mask ? mask[h] / (1 - p) : 1), 0);
  return squash ? sigmoid(z) : z;
}

/** The mean over all 2^H masks, each as probable as it is. */
function exactMean(u, output, p, squash) {
  let mean = 0;
  for (let number = 0; number < 2 ** u.length; number++) {
    const mask = u.map((_, h) => (number >> h) & 1),
      kept = mask.reduce((a, b) => a + b, 0);
    mean += (1 - p) ** kept * p ** (u.length - kept) * outputWith(u, output, p, mask, squash);
  }
  return mean;
}

/** Circles and lines of the network with a mask; toggle(h) is called on a click on a hidden neuron. */
function networkParts({ x: given, v }, u, mask, p, output, toggle) {
  const inputs = given.map((_, j) => [45, (300 * (j + 0.5)) / given.length]);
  const hidden = u.map((_, h) => [220, (300 * (h + 0.5)) / u.length]),
    out = [395, 150],
    parts = [];
  hidden.forEach(([x, y], h) => {
    if (!mask[h]) return;
    for (const [a, b] of inputs) parts.push(svg("path", { d: `M${a} ${b}L${x} ${y}`, stroke: "#b5b5b5" }));
    parts.push(
      svg("path", {
        d: `M${x} ${y}L${out[0]} ${out[1]}`,
        stroke: v[h] < 0 ? ORANGE : BLUE,
        "stroke-width": 1 + 2.5 * Math.min(1, Math.abs(v[h])),
        "stroke-dasharray": v[h] < 0 ? "6 4" : "none",
      }),
    );
  });
  const circle = ([x, y], text, kept = true, more = {}) =>
    svg(
      "g",
      more,
      svg("circle", {
        cx: x,
        cy: y,
        r: 21,
        fill: kept ? "#fff" : "#f1f1f1",
        stroke: kept ? "#222" : "#a0a0a0",
        "stroke-width": 1.6,
        "stroke-dasharray": kept ? "none" : "3 3",
      }),
      svg("text", { x, y: y + 4.5, "font-size": 13, "text-anchor": "middle" }, text),
    );
  inputs.forEach((at, j) => parts.push(circle(at, written(given[j], 3))));
  hidden.forEach((at, h) =>
    parts.push(
      circle(at, mask[h] ? written(u[h] / (1 - p), 3) : "×", Boolean(mask[h]), {
        cursor: "pointer",
        onclick: () => toggle(h),
      }),
    ),
  );
  parts.push(circle(out, written(output, 3)));
  return parts;
}

/** The outputs that were drawn, their running mean, and the output in use. */
function plotOutputs(plot, outputs, inUse) {
  let total = 0;
  const means = outputs.map((one, i) => [i + 1, (total += one) / (i + 1)]);
  const shown = outputs
    .slice(-400)
    .map((one, i) => [outputs.length - Math.min(400, outputs.length) + i + 1, one]);
  const around = [inUse, ...outputs],
    low = Math.min(...around),
    high = Math.max(...around),
    room = Math.max(0.1, 0.1 * (high - low));
  plot.range([0, Math.max(20, outputs.length)], [low - room, high + room]);
  const end = Math.max(20, outputs.length);
  plot.lines.replaceChildren(
    ...shown.map(([i, one]) => svg("circle", { cx: plot.X(i), cy: plot.Y(one), r: 2.5, fill: "#9a9a9a" })),
    plot.line(
      plot.through([
        [0, inUse],
        [end, inUse],
      ]),
      { stroke: ORANGE, "stroke-dasharray": "6 4" },
    ),
    ...(means.length ? [plot.line(plot.through(means), { stroke: BLUE, "stroke-width": 2.5 })] : []),
  );
}

function dropoutPage({ network, rate, mask: first }) {
  const u = hiddenAnswers(network);
  let p = rate,
    squash = false,
    mask = [...first],
    outputs = [];
  const draws = () => u.map(() => (Math.random() < p ? 0 : 1));

  const rates = slider({
    label: "p",
    name: say("p"),
    key: "p",
    value: p,
    low: 0,
    high: 0.95,
    step: 0.05,
    changed: (value) => {
      p = value;
      forget();
    },
  });
  const kinds = choice({
    label: say("output"),
    value: "linear",
    options: { linear: say("linear"), sigmoid: say("sigmoid") },
    changed: (key) => {
      squash = key === "sigmoid";
      forget();
    },
  });
  const drawing = svg("svg", { viewBox: "0 0 440 300", role: "img", "aria-label": say("drawing") });
  const boxes = u.map((_, h) =>
    html("input", {
      type: "checkbox",
      "aria-label": say("kept", { h: h + 1 }),
      "data-name": `kept ${h + 1}`,
      onchange: (event) => {
        mask[h] = Number(event.target.checked);
        draw();
      },
    }),
  );
  const scale = "u · m / (1 − p)";
  const numbers = table(say("numbers"), ["h", "u", say("kept_short"), scale, "v", `v · ${scale}`]);
  const value = html("output", { "data-name": "thinned" }),
    use = html("output", { "data-name": "in use" });
  const mean = html("output", { "data-name": "mean" }),
    exact = html("output", { "data-name": "exact" });
  const count = html("span"),
    verdict = live("score");
  const plot = new Plane({
    label: say("plot"),
    caption: say("plot"),
    x: [0, 20],
    y: [-1, 1],
    names: [say("masks"), say("output")],
    size: 440,
    height: 240,
  });

  function forget() {
    outputs = [];
    draw();
  }
  function again(times) {
    for (let i = 0; i < times; i++) {
      mask = draws();
      outputs.push(outputWith(u, network, p, mask, squash));
    }
    draw();
  }
  function draw() {
    const scaled = u.map((answer, h) => (answer * mask[h]) / (1 - p));
    fillTable(
      numbers.body,
      u.map((answer, h) => [
        String(h + 1),
        answer,
        boxes[h],
        scaled[h],
        network.v[h],
        scaled[h] * network.v[h],
      ]),
    );
    boxes.forEach((box, h) => {
      box.checked = Boolean(mask[h]);
    });
    const [inUse, whole] = [outputWith(u, network, p, null, squash), exactMean(u, network, p, squash)];
    const output = outputWith(u, network, p, mask, squash);
    show(value, output);
    const toggle = (h) => {
      mask[h] = 1 - mask[h];
      draw();
    };
    drawing.replaceChildren(...networkParts(network, u, mask, p, output, toggle));
    show(use, inUse);
    show(exact, whole);
    count.textContent = say("mean_of", { count: outputs.length });
    show(mean, outputs.length ? outputs.reduce((a, b) => a + b, 0) / outputs.length : NaN);
    verdict.textContent = say(Math.abs(inUse - whole) < 1e-9 ? "equal" : "unequal", {
      difference: written(whole - inUse),
    });
    plotOutputs(plot, outputs, inUse);
  }
  const line = (key, output) =>
    html("p", { class: "says" }, key instanceof Node ? key : say(key), ": ", output);
  const chances = [
    button(say("new_mask"), () => again(1)),
    button(say("many_masks"), () => again(100)),
    button(say("forget"), forget),
  ];
  const figures = [line("thinned", value), line(count, mean), line("exact", exact), line("in_use", use)];
  work(
    "",
    panel(
      html("figure", {}, html("figcaption", {}, say("caption")), html("div", { class: "drawing" }, drawing)),
      buttons(say("masks"), chances),
      numbers.element,
    ),
    panel(
      rates.element,
      kinds.element,
      verdict,
      html("div", {}, ...figures),
      plot.element,
      hint("plot_hint"),
    ),
  );
  draw();
}

if (told.page === "dropout") dropoutPage(told.start);
