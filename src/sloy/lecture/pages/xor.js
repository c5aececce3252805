"use strict";
// L3: XOR by one neuron (which cannot), by a neuron that also sees x1·x2, and by two layers.

const step = (z) => (z > 0 ? 1 : 0);
const CORNERS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const XOR = [0, 1, 1, 0];

/** z of one neuron with the weights w0, w1, w2 and w3 of the product. */
const productSum = (w, [x1, x2]) => w[0] + w[1] * x1 + w[2] * x2 + (w[3] || 0) * x1 * x2;

/** Both hidden answers and z of the output of two layers: weights [first, second, output], three each. */
function layers(w, x) {
  const hidden = [step(productSum(w[0], x)), step(productSum(w[1], x))];
  return { hidden, z: productSum(w[2], hidden) };
}

function xorPage({ ways, range }) {
  const w = structuredClone(ways);
  let way = "one",
    best = 0;
  const corner = table(say("corners"), ["x₁", "x₂", "h₁", "h₂", "z", "a", say("wanted"), say("right")]);
  const score = live("score"),
    remark = html("p", { class: "says" });

  const wide = new Plane({ label: say("plane"), x: range, y: range, names: ["x₁", "x₂"] });
  const small = ["first", "second", "output", "whole"].map(
    (name) =>
      new Plane({
        label: say(`${name}_plane`),
        caption: say(`${name}_caption`),
        size: 250,
        x: range,
        y: range,
        names: name === "output" ? ["h₁", "h₂"] : ["x₁", "x₂"],
      }),
  );

  const named = (prefix, j) => `${prefix}w${subscript(j)}`;
  const weightsOf = (title, numbers, prefix) => {
    const list = numbers.map((value, j) =>
      slider({
        label: named("", j),
        name: `${title}: w${j}`,
        key: `${prefix}w${j}`,
        value,
        low: -3,
        high: 3,
        changed: (next) => {
          numbers[j] = next;
          draw();
        },
      }),
    );
    return {
      list,
      element: sliders(title, list),
      set: (next) =>
        next.forEach((value, j) => {
          numbers[j] = value;
          list[j].set(value);
        }),
    };
  };
  const controls = {
    one: [weightsOf(say("weights"), w.one, "one ")],
    product: [weightsOf(say("weights"), w.product, "product ")],
    layers: ["first", "second", "output"].map((name, i) =>
      weightsOf(say(`${name}_weights`), w.layers[i], `${name} `),
    ),
  };
  const all = Object.fromEntries(
    Object.entries(controls).map(([key, list]) => [
      key,
      html("div", { class: "panel" }, ...list.map((one) => one.element)),
    ]),
  );
  const lecture = button(say("lecture"), () => {
    set(way, ways.answers[way]);
  });
  const clear = button(say("zeros"), () => {
    set(
      way,
      way === "layers"
        ? [
            [0, 0, 0],
            [0, 0, 0],
            [0, 0, 0],
          ]
        : w[way].map(() => 0),
    );
  });
  function set(key, numbers) {
    controls[key].forEach((one, i) => one.set(key === "layers" ? numbers[i] : numbers));
    draw();
  }

  const z = (x) => (way === "layers" ? layers(w.layers, x).z : productSum(w[way], x));
  function paint(plane, f, marks) {
    plane.shade((x, y) => tint(step(f([x, y]))), 100);
    plane.lines.replaceChildren(plane.line(plane.contour((x, y) => f([x, y]))));
    plane.points.replaceChildren(
      ...marks.map(([[x, y], yes, wrong]) =>
        svg(
          "g",
          {
            transform: `translate(${plane.X(x)} ${plane.Y(y)})`,
            role: "img",
            "aria-label": say("corner", { x, y, class: yes }),
          },
          ...object(yes, wrong),
        ),
      ),
    );
  }
  function draw() {
    const rows = CORNERS.map((x, i) => {
      const hidden = way === "layers" ? layers(w.layers, x).hidden : ["", ""],
        a = step(z(x));
      return { x, hidden, z: z(x), a, right: a === XOR[i] };
    });
    const right = rows.filter((row) => row.right).length;
    best = Math.max(best, right);
    for (const [key, element] of Object.entries(all)) element.hidden = key !== way;
    wide.element.hidden = way === "layers";
    planes.hidden = way !== "layers";
    const marks = rows.map((row, i) => [row.x, XOR[i], !row.right]);
    if (way === "layers") {
      CORNERS.forEach((x, i) => {
        marks[i] = [x, XOR[i], false];
      });
      paint(small[0], (x) => productSum(w.layers[0], x), marks);
      paint(small[1], (x) => productSum(w.layers[1], x), marks);
      paint(
        small[2],
        (h) => productSum(w.layers[2], h),
        rows.map((row, i) => [row.hidden, XOR[i], !row.right]),
      );
      paint(
        small[3],
        (x) => step(z(x)) - 0.5,
        rows.map((row, i) => [row.x, XOR[i], !row.right]),
      );
    } else paint(wide, z, marks);
    fillTable(
      corner.body,
      rows.map((row) => [
        row.x[0],
        row.x[1],
        ...row.hidden,
        row.z,
        row.a,
        XOR[CORNERS.indexOf(row.x)],
        mark(row.right),
      ]),
    );
    for (const cells of corner.element.querySelectorAll("tr"))
      [2, 3].forEach((i) => {
        cells.children[i].hidden = way !== "layers";
      });
    score.textContent = `${say("score", { right, total: 4 })} · ${say("best", { best })}`;
    score.dataset.value = right;
    remark.textContent = say(right === 4 ? "solved" : `${way}_remark`);
    lecture.hidden = way === "one";
  }
  const planes = html("div", { class: "planes roomy" }, ...small.map((plane) => plane.element));
  const which = choice({
    label: say("way"),
    value: way,
    changed: (key) => {
      way = key;
      best = 0;
      draw();
    },
    options: { one: say("one"), product: say("product"), layers: say("layers") },
  });
  work(
    "",
    panel(wide.element, planes),
    panel(
      which.element,
      score,
      remark,
      ...Object.values(all),
      buttons(say("presets"), [lecture, clear]),
      corner.element,
    ),
  );
  draw();
}

if (told.page === "xor") xorPage(told.start);
