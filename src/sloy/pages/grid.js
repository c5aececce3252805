"use strict";
// Numbers in a grid, and a picture of pixels over which a window is moved.

/** As many columns of one width, narrower where there are many or there is no room. */
function columnsOf(grid, count) {
  grid.style.gridTemplateColumns = `repeat(${count}, minmax(0, ${count > 5 ? 2.35 : 3.4}rem))`;
  grid.classList.toggle("many", count > 5);
}

/** A grid of number fields; `set` fills it with another array, of whatever size. */
function editableGrid({ label, named, values, changed }) {
  const widget = {
    values,
    element: html("div", { class: "numbers", role: "group", "aria-label": label }),
    set(next) {
      widget.values = next.map((row) => [...row]);
      build();
    },
    field: (i, j) => widget.element.children[i * widget.values[0].length + j],
  };
  function build() {
    const columns = widget.values[0].length;
    columnsOf(widget.element, columns);
    widget.element.replaceChildren(
      ...widget.values.flatMap((row, i) =>
        row.map((value, j) =>
          html("input", {
            type: "number",
            step: "any",
            value: Number(value.toPrecision(12)),
            "aria-label": `${named}, ${say("cell", { i, j })}`,
            "data-at": `${i},${j}`,
            oninput: (event) => {
              const next = event.target.valueAsNumber;
              if (!Number.isFinite(next) || Math.abs(next) > 1e6) return;
              widget.values[i][j] = next;
              changed();
            },
          }),
        ),
      ),
    );
  }
  widget.set(values);
  return widget;
}

/** The same, only to be read. */
function shownGrid(label) {
  const element = html("div", { class: "numbers", role: "group", "aria-label": label });
  return {
    element,
    set(values, digits = 4, wins = () => false) {
      const columns = values[0].length;
      columnsOf(element, columns);
      element.replaceChildren(
        ...values.flatMap((row, i) =>
          row.map((value, j) => {
            const cell = html("output", { "data-at": `${i},${j}`, class: wins(i, j) ? "winner" : "" });
            show(cell, value, digits);
            return cell;
          }),
        ),
      );
    },
  };
}

/** White at the first number of the range, black at the second. */
const inkColour = (value, [low, high]) => {
  const deep = high !== low ? 255 * (1 - (value - low) / (high - low)) : 255;
  return [deep, deep, deep];
};

/** Violet below zero, white at it, orange above. */
function signedColour(value, [low, high]) {
  const limit = Math.max(Math.abs(low), Math.abs(high)) || 1,
    part = Math.max(-1, Math.min(1, value / limit));
  const end = part > 0 ? [179, 88, 6] : [84, 39, 136];
  return end.map((one) => 255 + (one - 255) * Math.abs(part) ** 0.8);
}

function extent(values) {
  let low = Infinity,
    high = -Infinity;
  for (const row of values)
    for (const value of row) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  return [low, high];
}

/** A picture of pixels; a pointer or the arrow keys choose one: picked(row, column). */
function pixelMap({ label, caption, colour, picked, name }) {
  const canvas = html("canvas", { "aria-hidden": "true" }),
    clip = fresh("clip"),
    inside = svg("rect"),
    marks = svg("g", { "aria-hidden": "true", "clip-path": `url(#${clip})` });
  const drawing = svg(
    "svg",
    {
      class: "pick",
      tabindex: 0,
      role: "application",
      "aria-roledescription": say("map"),
      "aria-label": label,
      "data-name": name,
    },
    svg("clipPath", { id: clip }, inside),
    marks,
  );
  const element = html(
    "figure",
    {},
    html("figcaption", {}, caption),
    html("div", { class: "drawing" }, canvas, drawing),
  );
  const map = { element, drawing, values: [[0]], at: [0, 0], range: [0, 1] };

  map.set = (values, range = extent(values)) => {
    Object.assign(map, { values, range });
    const [rows, columns] = [values.length, values[0].length];
    drawing.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    const room = Math.max(rows, columns) / 90; // half of an outline's width
    const edges = { x: -room, y: -room, width: columns + 2 * room, height: rows + 2 * room };
    for (const [name, value] of Object.entries(edges)) inside.setAttribute(name, value);
    Object.assign(canvas, { width: columns, height: rows });
    Object.assign(canvas.style, {
      inset: "0",
      width: "100%",
      height: "100%",
      imageRendering: "pixelated",
      border: "1px solid #bbb",
    });
    const context = canvas.getContext("2d"),
      image = context.createImageData(columns, rows);
    values.forEach((row, i) =>
      row.forEach((value, j) => image.data.set([...colour(value, range), 255], 4 * (i * columns + j))),
    );
    context.putImageData(image, 0, 0);
  };
  /** Outline a window as far as it is in the picture, name where it is, and write the numbers of a small picture. */
  map.outline = (at, top, left, rows, columns, stroke, text) => {
    map.at = at;
    const big = Math.max(map.values.length, map.values[0].length),
      parts = [];
    if (big <= 9)
      map.values.forEach((row, i) =>
        row.forEach((value, j) => {
          const dark = colour(value, map.range).reduce((a, b) => a + b, 0) < 330;
          const style = { x: j + 0.5, y: i + 0.64, "font-size": 0.38, "text-anchor": "middle" };
          const number = svg("text", style, written(value, 3));
          number.style.fill = dark ? "#fff" : "#222";
          parts.push(number);
        }),
      );
    const inner = { x: left, y: top, width: columns, height: rows, fill: "none" };
    parts.push(
      svg("rect", { ...inner, stroke: "#fff", "stroke-width": big / 45 }),
      svg("rect", { ...inner, stroke, "stroke-width": big / 80 }),
    );
    marks.replaceChildren(...parts);
    drawing.setAttribute("aria-label", `${label}. ${text}`);
  };
  const within = (value, size) => Math.min(size - 1, Math.max(0, value));
  const go = (i, j) => picked(within(i, map.values.length), within(j, map.values[0].length));
  const point = (event) => {
    const box = drawing.getBoundingClientRect();
    go(
      Math.floor(((event.clientY - box.top) / box.height) * map.values.length),
      Math.floor(((event.clientX - box.left) / box.width) * map.values[0].length),
    );
  };
  let held = false;
  drawing.addEventListener("pointerdown", (event) => {
    held = true;
    drawing.setPointerCapture(event.pointerId);
    point(event);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (held) point(event);
  });
  for (const name of ["pointerup", "pointercancel"])
    drawing.addEventListener(name, () => {
      held = false;
    });
  drawing.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 5 : 1;
    const way = { ArrowLeft: [0, -by], ArrowRight: [0, by], ArrowUp: [-by, 0], ArrowDown: [by, 0] }[
      event.key
    ];
    if (!way) return;
    event.preventDefault();
    go(map.at[0] + way[0], map.at[1] + way[1]);
  });
  return map;
}
