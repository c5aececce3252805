"use strict";
// Where something is put into the network: a drawing, a picture file, sliders, a point in a plane.

const numbersOf = (text, kind) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return kind === "bytes" ? bytes : new Float32Array(bytes.buffer);
};

/** A sheet to draw on: by pointer, or by the arrow keys, where Space puts the pen down and lifts it. */
function drawingPad({ label, drawn }) {
  const side = 280,
    canvas = html("canvas", {
      width: side,
      height: side,
      class: "pad",
      tabindex: 0,
      role: "application",
      "aria-label": label,
    });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pen = { x: side / 2, y: side / 2, down: false, width: 20 };
  const pad = { canvas, empty: true };
  pad.clear = () => {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    pad.empty = true;
  };
  /** Where ink is, 0 or 1. */
  pad.mask = () => {
    const { data } = context.getImageData(0, 0, side, side);
    return maskOf(side, side, Uint8Array.from({ length: side * side }, (_, i) => Number(data[4 * i] < 128)));
  };
  /** A sample shown as if it had been drawn. */
  pad.show = (values, rows, columns) => {
    const image = context.createImageData(columns, rows);
    values.forEach((value, i) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
    const small = html("canvas", { width: columns, height: rows });
    small.getContext("2d").putImageData(image, 0, 0);
    pad.clear();
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, side, side);
    pad.shown = true;
  };
  function stroke(x, y) {
    if (pad.shown) pad.clear();
    pad.shown = pad.empty = false;
    Object.assign(context, { lineWidth: pen.width, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x + 0.01, y);
    context.stroke();
    Object.assign(pen, { x, y });
    drawn(pad);
  }
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    [pen.x, pen.y] = place(event);
    pen.held = true;
    stroke(pen.x, pen.y);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (pen.held) stroke(...place(event));
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      pen.held = false;
    });
  canvas.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 20 : 7;
    const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
    if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) stroke(pen.x, pen.y);
    } else if (way) {
      const [x, y] = [pen.x + way[0], pen.y + way[1]].map((value) => Math.min(side, Math.max(0, value)));
      if (pen.down) stroke(x, y);
      else Object.assign(pen, { x, y });
    } else return;
    event.preventDefault();
    cross.textContent = say(pen.down ? "pen_down" : "pen_up", { x: Math.round(pen.x), y: Math.round(pen.y) });
  });
  const cross = html("p", { class: "hint", role: "status" });
  pad.element = html("div", { class: "sheet" }, canvas, cross);
  pad.clear();
  return pad;
}

/** A network that reads pictures of marks: a sheet, test samples, a file. */
function inkInput({ input, changed, problem }) {
  const [rows, columns] = input.shape;
  const whole = (mask) =>
    input.box
      ? sampleOfMark(mask, [rows, columns], input.box)
      : resizedTo(
          { ...mask, values: mask.values.map((one) => 255 * one) },
          rows,
          columns,
          "box",
        ).values;
  const take = (mask) => {
    const sample = whole(mask);
    if (!sample) problem(say("no_ink"));
    else {
      problem("");
      changed(scaledTo(sample, input));
    }
  };
  const pad = drawingPad({
    label: say("sheet"),
    drawn: (sheet) => {
      file.forget();
      take(sheet.mask());
    },
  });
  const clear = button(say("clear"), () => {
    file.forget();
    pad.clear();
    changed(null);
  });
  const file = pictureDrop({
    read: (chosen) => decoded(chosen, 1, [255, 255, 255]),
    problem,
    taken(picture) {
      const ready = picture.height === rows && picture.width === columns;
      if (ready) {
        pad.show(picture.values, rows, columns);
        changed(scaledTo(picture.values, input));
      } else {
        const mask = inkOfDrawing(picture),
          sample = whole(mask);
        if (sample) pad.show(sample, rows, columns);
        take(mask);
      }
    },
  });
  return {
    element: html("div", { class: "panel" }, pad.element, clear, hint("sheet_hint"), file.element),
    show(x) {
      file.forget();
      pad.show(bytesAsSeen(x, input), rows, columns);
    },
  };
}

const scaledTo = (bytes, { range: [low, high] }) =>
  Float32Array.from(bytes, (value) => low + (value / 255) * (high - low));
const bytesAsSeen = (x, { range: [low, high] }) =>
  Uint8Array.from(x, (value) => asByte((255 * (value - low)) / (high - low || 1)));

/** A picture (H, W, 1 or 3) on a canvas of its own size; ink is dark, as on the sheet. */
function drawPicture(canvas, x, input) {
  const [rows, columns, channels] = input.shape,
    bytes = bytesAsSeen(x, input);
  Object.assign(canvas, { width: columns, height: rows });
  const context = canvas.getContext("2d"),
    image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const one = input.kind === "ink" ? 255 - bytes[i] : bytes[i];
    const seen = channels === 1 ? [one, one, one] : [...bytes.subarray(3 * i, 3 * i + 3)];
    if (input.order === "BGR") seen.reverse();
    image.data.set([...seen, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

/** A network of pictures: a file, test samples. */
function pictureInput({ input, changed, problem }) {
  const canvas = html("canvas", { class: "shown", role: "img", "aria-label": say("picture") });
  const show = (x) => {
    file.forget();
    drawPicture(canvas, x, input);
  };
  const file = pictureDrop({
    read: (chosen) => decoded(chosen, input.shape[2], input.reader.background),
    problem,
    taken(picture) {
      const { values } = framed(picture, input.reader);
      if (input.order === "BGR")
        for (let i = 0; i < values.length; i += 3)
          [values[i], values[i + 2]] = [values[i + 2], values[i]];
      const x = scaledTo(values, input);
      show(x);
      changed(x);
    },
  });
  return { element: html("div", { class: "panel" }, canvas, file.element), show };
}

/** A control for a raw column; `row[name]` is what is given for it. */
function columnControl(column, row, changed) {
  const take = (value) => {
    row[column.name] = value;
    changed();
  };
  if (column.words) {
    const options = Object.fromEntries(column.words.map((word) => [word, word]));
    if (column.missing) options[""] = say("missing");
    const list = dropdown({ label: column.name, options, value: row[column.name], changed: take });
    return {
      element: list.element,
      set: (value) => {
        list.select.value = value;
      },
    };
  }
  if (column.kind === "date") {
    const id = fresh("date"),
      field = html("input", {
        type: "datetime-local",
        id,
        onchange: () => {
          const seconds = Date.parse(`${field.value}Z`) / 1000;
          take(Number.isFinite(seconds) ? seconds : null);
        },
      });
    const set = (value) => {
      field.value = value === null ? "" : new Date(1000 * value).toISOString().slice(0, 16);
    };
    set(row[column.name]);
    return { element: html("div", { class: "field" }, html("label", { for: id }, column.name), field), set };
  }
  return slider({
    label: column.name,
    value: row[column.name],
    low: column.low,
    high: column.high,
    step: column.step,
    changed: take,
  });
}

/** A network of a table: a control for each raw column; of two numbers their plane, too. */
function tableInput({ input, changed, answerAt }) {
  const row = Object.fromEntries(input.columns.map((column) => [column.name, column.value]));
  const prepared = () => preparedRow(input.table, row);
  const [a, b] = input.columns,
    place = () => [row[a.name], row[b.name]];
  const tell = () => {
    plane?.set(place());
    changed(prepared());
  };
  const controls = input.columns.map((column) => columnControl(column, row, tell));
  const take = (given) =>
    input.columns.forEach((column, i) => {
      if (!(column.name in given)) return;
      row[column.name] = given[column.name];
      controls[i].set(given[column.name]);
    });
  const named = ([x, y]) => ({ [a.name]: x, [b.name]: y });
  const plane = input.plane
    ? answerPlane({
        axes: [a, b],
        points: input.points,
        answerAt: (at) => answerAt(preparedRow(input.table, named(at))),
        moved: (at) => {
          take(named(at));
          changed(prepared());
        },
      })
    : null;
  return {
    element: html("div", { class: "panel" }, ...(plane ? [plane.element] : []), sliders(say("columns"), controls)),
    start: tell,
    show(_, given) {
      take(given);
      plane?.set(place());
    },
  };
}

/** A network of a few numbers: a slider for each. */
function numbersInput({ input, changed }) {
  const x = Float32Array.from(input.columns, (column) => column.value);
  const controls = input.columns.map((column, i) =>
    slider({
      label: column.name,
      value: column.value,
      low: column.low,
      high: column.high,
      step: column.step,
      changed: (value) => {
        x[i] = value;
        changed(x.slice());
      },
    }),
  );
  return {
    element: html("div", { class: "panel" }, sliders(say("numbers"), controls)),
    start: () => changed(x.slice()),
    show(values) {
      x.set(values);
      controls.forEach((control, i) => control.set(Number(values[i].toPrecision(6))));
    },
  };
}

/** The mark of a class at a place: squares and discs in turn, in the colour of the class. */
function classMark(label, x, y) {
  const at = { stroke: "#fff", "stroke-width": 0.8, fill: classColour(label) };
  return label % 2
    ? svg("circle", { ...at, cx: x, cy: y, r: 3.4 })
    : svg("rect", { ...at, x: x - 3, y: y - 3, width: 6, height: 6 });
}

/** Which colour and mark is which class. */
function classesKey() {
  const { task, names } = told.answer;
  if (task === "regression") return "";
  const count = task === "binary" ? 2 : told.answer.count;
  const keys = Array.from({ length: count }, (_, k) => {
    const mark = svg("svg", { viewBox: "0 0 10 10", width: 14, height: 14, "aria-hidden": "true" }, classMark(k, 5, 5));
    return html("li", {}, mark, names[k] ?? String(k));
  });
  return html("ul", { class: "key", "aria-label": say("class") }, ...keys);
}

/** The plane of two numbers, coloured by answerAt(place), with samples and a point in it that moves. */
function answerPlane({ axes, points, answerAt, moved }) {
  const [a, b] = axes.map((axis, i) => {
    const there = points.map((point) => point[i]);
    return { ...axis, low: Math.min(axis.low, ...there), high: Math.max(axis.high, ...there) };
  });
  const plane = new Plane({
    label: say("plane"),
    caption: say(points.length ? "plane_caption" : "plane_alone"),
    x: [a.low, a.high],
    y: [b.low, b.high],
    names: [a.name, b.name],
    about: "plane_hint",
  });
  const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const soft = (colour, share) => parts(colour).map((part) => 255 + (part - 255) * 0.5 * share);
  const answers = [];
  const cells = 80;
  for (let j = 0; j < cells; j++)
    for (let i = 0; i < cells; i++)
      answers.push(
        answerAt([
          a.low + ((i + 0.5) / cells) * (a.high - a.low),
          b.high - ((j + 0.5) / cells) * (b.high - b.low),
        ]),
      );
  const regression = told.answer.task === "regression",
    single = regression || answers[0].length === 1,
    [low, high] = extent([answers.map((found) => found[0])]);
  const span = told.answer.task === "binary" ? [0, 1] : [low, high];
  const scale = (value) => (value - span[0]) / (span[1] - span[0] || 1);
  let next = 0;
  plane.shade(() => {
    const found = answers[next++];
    if (single) return tint(scale(found[0]));
    const best = found.indexOf(Math.max(...found));
    return soft(classColour(best), Math.max(0, (found[best] - 1 / found.length) / (1 - 1 / found.length)));
  }, cells);
  plane.points.append(
    ...points.map(([x, y, is]) => {
      const at = [plane.X(x), plane.Y(y)];
      if (!regression) return classMark(is, ...at);
      return svg("circle", { cx: at[0], cy: at[1], r: 3.4, stroke: "#444", fill: `rgb(${tint(Math.min(1, Math.max(0, scale(is)))).join(" ")})` });
    }),
  );
  const point = movable(plane, {
    kind: "point",
    place: [a.value, b.value],
    step: (a.high - a.low) / 50,
    named: ([x, y]) => say("point", { x: written(x), y: written(y) }),
    moved,
  });
  point.draw(probe());
  const set = (place) => {
    point.place = place;
    point.draw();
  };
  return { element: html("div", {}, plane.element, classesKey()), point, set };
}

/** A network of two numbers: a point in their plane. */
function planeInput({ input, changed, answerAt }) {
  const plane = answerPlane({
    axes: input.columns,
    points: input.points,
    answerAt,
    moved: (place) => changed(Float32Array.from(place)),
  });
  return {
    element: plane.element,
    start: () => changed(Float32Array.from(plane.point.place)),
    show: (x) => plane.set([...x]),
  };
}

const INPUTS = {
  ink: inkInput,
  picture: pictureInput,
  table: tableInput,
  numbers: numbersInput,
  plane: planeInput,
};
