"use strict";
// What happens to this input, layer by layer: maps, the window under a place of a map, what it sees of the picture.

const MOST_MAPS = 64;

/** A map (H, W) of a value (H, W, C) as rows. */
function mapOf(values, [rows, columns, channels], channel) {
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => values[(i * columns + j) * channels + channel]),
  );
}

/** The input as the first layer gets it. */
function preparedInput(x, { mean, deviation }) {
  return Float32Array.from(x, (value, i) => (value - mean[i % mean.length]) / deviation[i % deviation.length]);
}

/** Small pictures of all maps of a layer, or of all its numbers; one is chosen. */
function mapTiles(picked) {
  const element = html("div", { class: "tiles", role: "group", "aria-label": say("maps") });
  let chosen = 0;
  function choose(channel, tell = true) {
    chosen = channel;
    [...element.children].forEach((one, i) => one.setAttribute("aria-pressed", String(i === channel)));
    if (tell) picked(channel);
  }
  return {
    element,
    get chosen() {
      return chosen;
    },
    show(values, shape) {
      const count = Math.min(shape[2], MOST_MAPS),
        range = [values.reduce((a, b) => Math.min(a, b), 0), values.reduce((a, b) => Math.max(a, b), 0)];
      while (element.children.length > count) element.lastChild.remove();
      for (let c = element.children.length; c < count; c++)
        element.append(
          html(
            "button",
            { type: "button", class: "tile", onclick: () => choose(c) },
            html("canvas", { "aria-hidden": "true" }),
          ),
        );
      [...element.children].forEach((tile, c) => {
        const canvas = tile.firstChild,
          map = mapOf(values, shape, c);
        Object.assign(canvas, { width: shape[1], height: shape[0] });
        const context = canvas.getContext("2d"),
          image = context.createImageData(shape[1], shape[0]);
        map.flat().forEach((value, i) => image.data.set([...signedColour(value, range), 255], 4 * i));
        context.putImageData(image, 0, 0);
        tile.setAttribute("aria-label", say("map_number", { number: c, most: written(extent(map)[1], 3) }));
      });
      choose(chosen < count ? chosen : 0, false);
    },
  };
}

/** The numbers of a layer without places, as a strip of colours with a table of the largest. */
function unitStrip() {
  const canvas = html("canvas", { class: "strip", role: "img", "aria-label": say("units") }),
    largest = table(say("largest"), [say("unit"), say("value")]);
  return {
    element: html("div", { class: "panel" }, canvas, largest.element),
    show(values) {
      const columns = Math.min(values.length, 64),
        rows = Math.ceil(values.length / columns);
      Object.assign(canvas, { width: columns, height: rows });
      const range = [Math.min(0, ...values), Math.max(0, ...values)],
        context = canvas.getContext("2d"),
        image = context.createImageData(columns, rows);
      values.forEach((value, i) => image.data.set([...signedColour(value, range), 255], 4 * i));
      context.putImageData(image, 0, 0);
      const order = [...values.keys()].sort((i, j) => values[j] - values[i]).slice(0, 8);
      fillTable(
        largest.body,
        order.map((i) => [String(i), values[i]]),
      );
    },
  };
}

/** The numbers under a window at (row, column) of a value (H, W, C), in one channel; 0 outside, or nothing for a maximum. */
function underWindow(values, [rows, columns, channels], window, [row, column], channel, outside) {
  const { kernel, stride, padding, dilation } = window;
  return Array.from({ length: kernel[0] }, (_, k) =>
    Array.from({ length: kernel[1] }, (_, l) => {
      const a = row * stride[0] + k * dilation[0] - padding[0],
        b = column * stride[1] + l * dilation[1] - padding[1];
      const inside = a >= 0 && b >= 0 && a < rows && b < columns;
      return inside ? values[(a * columns + b) * channels + channel] : outside;
    }),
  );
}

/** A convolution's window: what is under it in a channel, the kernel, their products, and the sum over all channels. */
function convolutionWindow() {
  const seen = shownGrid(say("seen")),
    kernel = shownGrid(say("kernel")),
    products = shownGrid(say("products"));
  const formula = html("p", { class: "says formula", "aria-live": "polite", "data-name": "window" });
  const channels = dropdown({ label: say("channel"), options: { 0: "0" }, value: "0", changed: () => again() });
  let again = () => {};
  const part = (key, grid) => html("div", { class: "panel" }, html("h3", {}, say(key)), grid.element);
  const element = html(
    "div",
    { class: "panel" },
    channels.element,
    html("div", { class: "grids" }, part("seen", seen), part("kernel", kernel), part("products", products)),
    formula,
  );
  function show(layer, before, shape, place, output, value) {
    const { window } = layer,
      [kh, kw] = window.kernel,
      inputs = shape[2] / window.groups,
      each = layer.shape[2] / window.groups,
      first = Math.floor(output / each) * inputs;
    const weightAt = (k, l, c) =>
      network.m[layer.weights + ((k * kw + l) * inputs + c) * layer.shape[2] + output];
    const one = (c) => {
      const under = underWindow(before, shape, window, place, first + c, 0);
      const weights = under.map((row, k) => row.map((_, l) => weightAt(k, l, c)));
      return { under, weights, times: under.map((row, k) => row.map((x, l) => x * weights[k][l])) };
    };
    const sums = Array.from({ length: inputs }, (_, c) => one(c).times.flat().reduce((a, b) => a + b, 0));
    if (channels.select.options.length !== inputs)
      channels.select.replaceChildren(
        ...sums.map((_, c) => html("option", { value: c }, String(first + c))),
      );
    channels.element.hidden = inputs === 1;
    again = () => {
      const c = Number(channels.select.value) || 0,
        { under, weights, times } = one(c);
      const short = (rows) => rows.map((row) => row.map((one) => Number(one.toFixed(2))));
      seen.set(short(under));
      kernel.set(short(weights));
      products.set(short(times));
      const total = sums.reduce((a, b) => a + b, 0),
        bias = layer.bias === undefined ? 0 : network.m[layer.bias + output];
      formula.textContent = say(inputs === 1 ? "sum_one" : "sum_all", {
        channel: first + c,
        part: written(sums[c]),
        count: inputs,
        total: written(total),
        bias: bracketed(bias),
        value: written(value),
      });
      formula.dataset.value = total + bias;
    };
    again();
  }
  return { element, show };
}

/** Pooling's window: what is under it, and which number wins. */
function poolingWindow() {
  const seen = shownGrid(say("seen"));
  const line = html("p", { class: "says formula", "aria-live": "polite", "data-name": "window" });
  const element = html("div", { class: "panel" }, html("h3", {}, say("seen")), seen.element, line);
  function show(layer, before, shape, place, channel, value) {
    const largest = layer.window.op === "max_pool2d",
      under = underWindow(before, shape, layer.window, place, channel, NaN);
    const there = under.flat().filter((one) => !Number.isNaN(one)),
      best = Math.max(...there);
    const first = under.map((row, k) => [k, row.indexOf(best)]).find(([, l]) => l >= 0);
    seen.set(under.map((row) => row.map((one) => Number(one.toFixed(2)))), 4, (k, l) => largest && k === first[0] && l === first[1]);
    line.textContent = say(largest ? "wins" : "mean", { value: written(value), count: there.length });
    line.dataset.value = value;
  }
  return { element, show };
}

/** The part of the input that a unit of a layer sees, on the input. */
function fieldView(input) {
  const canvas = html("canvas", { "aria-hidden": "true" }),
    box = svg("rect", { fill: "none", stroke: ORANGE }),
    [rows, columns] = input.shape,
    drawing = svg(
      "svg",
      { viewBox: `0 0 ${columns} ${rows}`, role: "img", "aria-label": say("field") },
      box,
    );
  Object.assign(canvas.style, { inset: "0", width: "100%", height: "100%", imageRendering: "pixelated" });
  const line = html("p", { class: "hint", "data-name": "field" });
  const element = html(
    "figure",
    { class: "field-of" },
    html("figcaption", {}, say("field")),
    html("div", { class: "drawing" }, canvas, drawing),
    line,
  );
  return {
    element,
    show(x, layer, [row, column]) {
      drawPicture(canvas, x, input);
      const { size, stride, start } = layer.field,
        first = [start[0] + row * stride[0], start[1] + column * stride[1]];
      const [top, left] = first.map((one) => Math.max(0, one)),
        bottom = Math.min(rows, first[0] + size[0]),
        right = Math.min(columns, first[1] + size[1]);
      const edge = Math.max(rows, columns) / 60;
      Object.entries({ x: left, y: top, width: right - left, height: bottom - top, "stroke-width": edge }).forEach(
        ([name, value]) => box.setAttribute(name, value),
      );
      line.textContent = say("field_of", { top, bottom: bottom - 1, left, right: right - 1 });
      line.dataset.box = JSON.stringify([top, left, bottom, right]);
    },
  };
}

/** All of it, for one input at a time. */
function layersPanel() {
  const { layers, input } = told;
  if (!layers.length) return { element: html("p", { class: "hint" }, say("no_layers")), show() {} };
  const spatial = input.shape.length === 3 && [1, 3].includes(input.shape[2]);
  let x = null,
    place = null,
    at = 0;
  const names = Object.fromEntries(layers.map((layer, i) => [i, layer.title]));
  const list = dropdown({
    label: say("layer"),
    options: names,
    value: "0",
    changed: (key) => {
      const size = (i) => String(layers[i].shape.slice(0, 2));
      if (size(at) !== size(Number(key))) place = null;
      at = Number(key);
      draw();
    },
  });
  const tiles = mapTiles(() => look(true)),
    strip = unitStrip(),
    convolution = convolutionWindow(),
    pooling = poolingWindow(),
    field = spatial ? fieldView(input) : null;
  const map = pixelMap({
    label: say("map"),
    caption: say("map_caption"),
    colour: signedColour,
    name: "map",
    picked: (i, j) => {
      place = [i, j];
      look(false);
    },
  });
  const said = html("p", { class: "hint", "data-name": "shape" }),
    more = html("p", { class: "hint" });
  const withPlaces = html(
    "div",
    { class: "panel" },
    html("h3", {}, say("maps")),
    tiles.element,
    more,
    html(
      "div",
      { class: "work three-of" },
      html("div", { class: "panel" }, map.element, ...(field ? [field.element] : [])),
      html("div", { class: "panel" }, convolution.element, pooling.element),
    ),
  );
  const element = html(
    "div",
    { class: "panel" },
    html("div", { class: "bar" }, list.element, said),
    withPlaces,
    strip.element,
  );
  element.hidden = true;
  const valuesOf = (i) =>
    i < 0 ? preparedInput(x, input.scale) : network.output(layers[i].output);
  const shapeOf = (i) => (i < 0 ? input.shape : layers[i].shape);
  function draw() {
    const layer = layers[at],
      values = valuesOf(at),
      places = layer.shape.length === 3;
    said.textContent = say("shape_is", { shape: layer.shape.join(" × ") });
    withPlaces.hidden = !places;
    strip.element.hidden = places;
    if (!places) {
      strip.show([...values]);
      return;
    }
    tiles.show(values, layer.shape);
    more.textContent =
      layer.shape[2] > MOST_MAPS ? say("more_maps", { shown: MOST_MAPS, count: layer.shape[2] }) : "";
    place = (place || [layer.shape[0] >> 1, layer.shape[1] >> 1]).map((one, axis) =>
      Math.min(one, layer.shape[axis] - 1),
    );
    look(true);
  }
  function look(anew) {
    const layer = layers[at],
      values = valuesOf(at),
      channel = tiles.chosen,
      { window } = layer;
    if (anew) {
      const rows = mapOf(values, layer.shape, channel);
      map.set(rows);
    }
    const value = map.values[place[0]][place[1]],
      text = say("place", { i: place[0], j: place[1], value: written(value) });
    map.outline(place, place[0], place[1], 1, 1, "#000", text);
    convolution.element.hidden = !(window && window.op === "conv2d" && layer.weights !== undefined);
    pooling.element.hidden = !(window && window.op.endsWith("pool2d"));
    if (!convolution.element.hidden)
      convolution.show(layer, valuesOf(at - 1), shapeOf(at - 1), place, channel, value);
    if (!pooling.element.hidden) pooling.show(layer, valuesOf(at - 1), shapeOf(at - 1), place, channel, value);
    if (field) {
      field.element.hidden = !layer.field;
      if (layer.field) field.show(x, layer, place);
    }
  }
  return {
    element,
    show(next) {
      element.hidden = !next;
      x = next;
      if (next) draw();
    },
  };
}
