"use strict";
// A plane with axes: shading, curves, and points that the mouse and the arrow keys move.

const EDGE = { left: 34, right: 10, top: 10, bottom: 34 };

/** From orange (0) over white (½) to blue (1). */
function tint(share) {
  const colour = share < 0.5 ? [213, 94, 0] : [0, 114, 178];
  const strength = 0.42 * Math.min(1, Math.abs(2 * share - 1));
  return colour.map((part) => 255 + (part - 255) * strength);
}

class Plane {
  /** `x` and `y` are [low, high]; `size` is the drawing's side in pixels where there is room; `whole`: x counts; `left`: room for numbers;
   *  `ground`: "drawing" is light in the dark, too, "curves" is the page's. */
  constructor({ label, caption, x, y, names, size = 420, height = size, about, whole = false, left = EDGE.left, ground = "drawing" }) {
    Object.assign(this, { size, height, names, whole, left, shading: html("canvas", { "aria-hidden": "true" }) });
    this.clip = fresh("clip");
    this.axes = svg("g", { "aria-hidden": "true" });
    this.lines = svg("g", { "clip-path": `url(#${this.clip})`, "aria-hidden": "true" });
    this.points = svg("g");
    const inside = {
      x: this.left,
      y: EDGE.top,
      width: size - this.left - EDGE.right,
      height: height - EDGE.top - EDGE.bottom,
    };
    this.surface = svg("rect", { class: "surface", ...inside });
    this.drawing = svg(
      "svg",
      { viewBox: `0 0 ${size} ${height}`, role: "group", "aria-label": label },
      svg("clipPath", { id: this.clip }, svg("rect", inside)),
      this.axes,
      this.surface,
      this.lines,
      this.points,
    );
    const style = this.shading.style;
    Object.assign(style, {
      left: `${(100 * inside.x) / size}%`,
      top: `${(100 * inside.y) / height}%`,
      width: `${(100 * inside.width) / size}%`,
      height: `${(100 * inside.height) / height}%`,
    });
    this.element = html(
      "figure",
      {},
      ...(caption ? [html("figcaption", {}, caption)] : []),
      html("div", { class: ground }, this.shading, this.drawing),
      ...(about ? [hint(about)] : []),
    );
    this.element.style.maxWidth = `${size * 1.15}px`;
    this.range(x, y);
  }

  range(x, y) {
    Object.assign(this, { x, y });
    const parts = [];
    const [left, right, top, bottom] = [this.X(x[0]), this.X(x[1]), this.Y(y[1]), this.Y(y[0])];
    parts.push(svg("path", { d: `M${left} ${top}V${bottom}H${right}`, fill: "none", stroke: "var(--grey)" }));
    for (const value of ticks(x, this.whole))
      parts.push(
        svg("path", { d: `M${this.X(value)} ${bottom}v4`, stroke: "var(--grey)" }),
        svg(
          "text",
          { x: this.X(value), y: bottom + 16, class: "tick", "text-anchor": "middle" },
          tick(value),
        ),
      );
    for (const value of ticks(y))
      parts.push(
        svg("path", { d: `M${left} ${this.Y(value)}h-4`, stroke: "var(--grey)" }),
        svg(
          "text",
          { x: left - 6, y: this.Y(value) + 4, class: "tick", "text-anchor": "end" },
          tick(value),
        ),
      );
    parts.push(
      svg("text", { x: right, y: bottom + 31, class: "name", "text-anchor": "end" }, this.names[0]),
      svg("text", { x: left + 7, y: top + 10, class: "name" }, this.names[1]),
    );
    this.axes.replaceChildren(...parts);
  }

  X(x) {
    return this.left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * (this.size - this.left - EDGE.right);
  }
  Y(y) {
    return EDGE.top + ((this.y[1] - y) / (this.y[1] - this.y[0])) * (this.height - EDGE.top - EDGE.bottom);
  }

  /** Where in the plane a pointer is. */
  at(event) {
    const box = this.drawing.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * this.size,
      down = ((event.clientY - box.top) / box.height) * this.height;
    const share = [
      (across - this.left) / (this.size - this.left - EDGE.right),
      (down - EDGE.top) / (this.height - EDGE.top - EDGE.bottom),
    ];
    const [a, b] = share.map((part) => Math.min(1, Math.max(0, part)));
    return [this.x[0] + a * (this.x[1] - this.x[0]), this.y[1] - b * (this.y[1] - this.y[0])];
  }

  /** Colour every place by colour(x, y) → [r, g, b]. */
  shade(colour, cells = 90) {
    this.shading.width = this.shading.height = cells;
    const context = this.shading.getContext("2d"),
      image = context.createImageData(cells, cells);
    for (let row = 0; row < cells; row++)
      for (let column = 0; column < cells; column++) {
        const x = this.x[0] + ((column + 0.5) / cells) * (this.x[1] - this.x[0]);
        const y = this.y[1] - ((row + 0.5) / cells) * (this.y[1] - this.y[0]);
        image.data.set([...colour(x, y), 255], 4 * (row * cells + column));
      }
    context.putImageData(image, 0, 0);
  }

  /** The path where f(x, y) = level. */
  contour(f, level = 0, cells = 70) {
    return contourPath(f, level, this.x, this.y, cells)
      .map(
        ([a, b]) =>
          `M${this.X(a[0]).toFixed(2)} ${this.Y(a[1]).toFixed(2)}L${this.X(b[0]).toFixed(2)} ${this.Y(b[1]).toFixed(2)}`,
      )
      .join("");
  }

  /** A path through points [[x, y], …]; far ones are brought near the edge. */
  through(points) {
    const near = (value) => Math.min(5000, Math.max(-5000, value)).toFixed(2);
    return points.map(([x, y], i) => `${i ? "L" : "M"}${near(this.X(x))} ${near(this.Y(y))}`).join("");
  }

  line(d, more = {}) {
    return svg("path", { d, fill: "none", stroke: "#222", "stroke-width": 2, ...more });
  }
}

/** Round numbers in a range; `whole` ones only where they count something. */
function ticks([low, high], whole = false) {
  const rough = Math.max((high - low) / 5, whole ? 1 : 0),
    power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(6)),
  );
}

/** A round number as briefly as it goes: 3.9e−8. */
function tick(value) {
  return written(value).replace(/\.?0*e\+?/, "e");
}

/** Pieces [[x, y], [x, y]] of the line f = level, found cell by cell (marching squares). */
function contourPath(f, level, [x0, x1], [y0, y1], cells) {
  const x = (i) => x0 + (i / cells) * (x1 - x0),
    y = (j) => y0 + (j / cells) * (y1 - y0);
  const values = Array.from({ length: cells + 1 }, (_, j) =>
    Array.from({ length: cells + 1 }, (_, i) => f(x(i), y(j)) - level),
  );
  const pieces = [];
  for (let j = 0; j < cells; j++)
    for (let i = 0; i < cells; i++) {
      const corners = [
        [i, j],
        [i + 1, j],
        [i + 1, j + 1],
        [i, j + 1],
      ];
      const found = [];
      corners.forEach(([a, b], k) => {
        const [c, d] = corners[(k + 1) % 4],
          from = values[b][a],
          to = values[d][c];
        if (from > 0 === to > 0) return;
        const share = from / (from - to);
        found.push([x(a + share * (c - a)), y(b + share * (d - b))]);
      });
      for (let k = 0; k + 1 < found.length; k += 2) pieces.push([found[k], found[k + 1]]);
    }
  return pieces;
}

/** A point that the mouse and the arrow keys move; Enter calls `entered`, Delete `deleted`. */
function movable(plane, { kind, place, named, step = 0.05, moved, entered, deleted }) {
  const shape = svg("g", { "aria-hidden": "true" });
  const focus = svg("circle", { class: "focus", r: 15 });
  const element = svg("g", { class: "move", tabindex: 0, role: "button", "data-kind": kind }, focus, shape);
  const widget = { element, place, kind, draw };
  function draw(content) {
    if (content) shape.replaceChildren(...content);
    element.setAttribute(
      "transform",
      `translate(${plane.X(widget.place[0]).toFixed(2)} ${plane.Y(widget.place[1]).toFixed(2)})`,
    );
    element.setAttribute("aria-label", named(widget.place));
    element.dataset.place = JSON.stringify(widget.place);
  }
  function go(x, y) {
    const clamp = (value, [low, high]) => Math.min(high, Math.max(low, Number(value.toPrecision(6))));
    widget.place = [clamp(x, plane.x), clamp(y, plane.y)];
    draw();
    moved(widget.place);
  }
  let held = false;
  if (moved) {
    element.addEventListener("pointerdown", (event) => {
      held = true;
      element.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    element.addEventListener("pointermove", (event) => {
      if (held) {
        go(...plane.at(event));
        event.stopPropagation();
      }
    });
    element.addEventListener("pointerup", () => {
      held = false;
    });
    element.addEventListener("pointercancel", () => {
      held = false;
    });
  }
  if (entered) element.addEventListener("dblclick", entered);
  element.addEventListener("keydown", (event) => {
    const by = step * (event.shiftKey ? 5 : 1);
    const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] }[
      event.key
    ];
    if (way && moved) go(widget.place[0] + way[0], widget.place[1] + way[1]);
    else if ((event.key === "Enter" || event.key === " ") && entered) entered();
    else if ((event.key === "Delete" || event.key === "Backspace") && deleted) deleted();
    else return;
    event.preventDefault();
  });
  plane.points.append(element);
  draw();
  return widget;
}

/** How an object of a class is drawn: a blue disc for yes, a white square with an orange edge for no. */
function object(yes, wrong = false) {
  const parts = [
    yes
      ? svg("circle", { r: 7, fill: BLUE, stroke: "#fff", "stroke-width": 1.2 })
      : svg("rect", {
          x: -6,
          y: -6,
          width: 12,
          height: 12,
          fill: "#fff",
          stroke: ORANGE,
          "stroke-width": 2.4,
        }),
  ];
  if (wrong)
    parts.push(svg("path", { d: "M-11 -11L11 11M11 -11L-11 11", stroke: "#000", "stroke-width": 1.8 }));
  return parts;
}
const probe = () => [
  svg("circle", { r: 9, fill: "#fff", "fill-opacity": 0.7, stroke: "#000", "stroke-width": 1.8 }),
  svg("path", { d: "M-13 0H-4M4 0H13M0 -13V-4M0 4V13", stroke: "#000", "stroke-width": 1.8 }),
];
