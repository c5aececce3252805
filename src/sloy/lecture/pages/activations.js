"use strict";
// L15: an activation σ and its slope σ′, both drawn, with a point to move.

function activationsPage({ kinds, kind, numbers, z }) {
  let chosen = kind;
  const values = { ...numbers };
  const plane = new Plane({
    label: say("plane"),
    x: [-5, 5],
    y: [-2, 4],
    names: ["z", "σ, σ′"],
    size: 480,
    height: 360,
    about: "plane_hint",
  });
  const list = dropdown({
    label: say("activation"),
    value: kind,
    options: Object.fromEntries(kinds.map((key) => [key, say(key)])),
    changed: (key) => {
      chosen = key;
      draw();
    },
  });
  const place = slider({ label: "z", value: z, low: -5, high: 5, step: 0.05, changed: () => draw() });
  const bounds = { slope: [0, 1], alpha: [0, 2], w1: [-2, 2], b1: [-2, 2], w2: [-2, 2], b2: [-2, 2] };
  const names = { slope: say("slope"), alpha: "α", w1: "w₁", b1: "b₁", w2: "w₂", b2: "b₂" };
  const options = Object.keys(bounds).map((name) => [
    name,
    slider({
      label: names[name],
      key: name,
      value: values[name],
      low: bounds[name][0],
      high: bounds[name][1],
      changed: (value) => {
        values[name] = value;
        draw();
      },
    }),
  ]);
  const uses = { leaky: ["slope"], elu: ["alpha"], maxout: ["w1", "b1", "w2", "b2"] };
  const eye = movable(plane, {
    kind: "probe",
    place: [z, 0],
    step: 0.1,
    named: ([x, y]) => say("point", { z: written(x), value: written(y) }),
    moved: ([x]) => {
      place.set(x);
      draw();
    },
  });
  eye.draw(probe());
  const formula = html("p", { class: "says formula" }),
    value = html("output", { "data-name": "value" }),
    slope = html("output", { "data-name": "slope" });
  const verdict = live();

  const sigma = (x) => FUNCTIONS[chosen].value(x, values),
    sigmaSlope = (x) => FUNCTIONS[chosen].slope(x, values);
  /** The curve in pieces, cut where it jumps. */
  function curve(f) {
    const parts = [];
    let last = null,
      piece = [];
    for (let i = 0; i <= 1000; i++) {
      const x = -5 + i / 100,
        y = f(x);
      if (last !== null && Math.abs(y - last) > 0.3) {
        parts.push(plane.through(piece));
        piece = [];
      }
      piece.push([x, y]);
      last = y;
    }
    return [...parts, plane.through(piece)].join("");
  }
  function draw() {
    const x = place.value,
      y = sigma(x),
      rise = sigmaSlope(x);
    for (const [name, one] of options) one.element.hidden = !(uses[chosen] || []).includes(name);
    const line = (a, b, more) => plane.line(plane.through([a, b]), more);
    plane.lines.replaceChildren(
      line([-5, 0], [5, 0], { stroke: "#c8c8c8", "stroke-width": 1 }),
      line([0, -9], [0, 9], { stroke: "#c8c8c8", "stroke-width": 1 }),
      plane.line(curve(sigmaSlope), { stroke: ORANGE, "stroke-dasharray": "7 4", "stroke-width": 2.2 }),
      plane.line(curve(sigma), { stroke: BLUE, "stroke-width": 2.8 }),
      line([x - 0.8, y - 0.8 * rise], [x + 0.8, y + 0.8 * rise], { "stroke-width": 1.4 }),
    );
    eye.place = [x, y];
    eye.draw();
    formula.textContent = say(`${chosen}_formula`);
    show(value, y, 6);
    show(slope, rise, 6);
    const comesBack = rise === 0 ? "nothing" : Math.abs(rise) < 0.01 ? "flat" : "passes";
    verdict.textContent = say(comesBack, { slope: written(rise) });
  }
  work(
    "",
    panel(plane.element),
    panel(
      list.element,
      formula,
      place.element,
      ...options.map((one) => one[1].element),
      html(
        "div",
        {},
        html("p", { class: "says" }, "σ(z) = ", value),
        html("p", { class: "says" }, "σ′(z) = ", slope),
        verdict,
      ),
    ),
  );
  draw();
}

if (told.page === "activations") activationsPage(told.start);
