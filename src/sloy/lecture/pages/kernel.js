"use strict";
// L17-L19: f(i, j) = Σ_k Σ_l F(i + k, j + l)·G(k, l), for every place of a picture at once.

/** The numbers of F under the kernel's window whose top left corner is at (top, left); 0 outside. */
function under(F, top, left, rows, columns) {
  return Array.from({ length: rows }, (_, k) =>
    Array.from({ length: columns }, (_, l) => F[top + k]?.[left + l] ?? 0),
  );
}

/** The response; "zero" takes F as 0 outside, "valid" leaves out places where the kernel sticks out. */
function convolve(F, G, edges) {
  const [KH, KW] = [G.length, G[0].length],
    inset = edges === "zero" ? [(KH - 1) / 2, (KW - 1) / 2] : [0, 0];
  const rows = F.length + 2 * inset[0] - KH + 1,
    columns = F[0].length + 2 * inset[1] - KW + 1;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => {
      let total = 0;
      for (let k = 0; k < KH; k++) {
        const row = F[i + k - inset[0]];
        if (row) for (let l = 0; l < KW; l++) total += (row[j + l - inset[1]] ?? 0) * G[k][l];
      }
      return total;
    }),
  );
}

/** The sum as it is written by hand: all nine products, "7·1 + 2·0 + …"; of larger kernels those that are not 0,
 * equal ones together, "(50·30)·4 + 20·30".
 */
function sumOfProducts(seen, G, most = 14) {
  const product = (f, g) => `${bracketed(f)}·${bracketed(g)}`;
  if (G.length <= 3)
    return seen.map((row, k) => row.map((f, l) => product(f, G[k][l])).join(" + ")).join(" + ");
  const terms = new Map();
  seen.forEach((row, k) =>
    row.forEach((f, l) => {
      if (!f || !G[k][l]) return;
      const key = product(f, G[k][l]);
      terms.set(key, (terms.get(key) || 0) + 1);
    }),
  );
  const parts = [...terms].map(([key, times]) => (times > 1 ? `(${key})·${times}` : key));
  return parts.length ? parts.slice(0, most).join(" + ") + (parts.length > most ? " + …" : "") : "0";
}

/** A picture file as numbers from 0, black, to 255, white, as sloy reads it; at most `most` on a side; read here, sent nowhere. */
async function readPicture(file, most = 56) {
  const bitmap = await createImageBitmap(file),
    scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale)),
    height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = html("canvas", { width, height }),
    context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: height }, (_, i) =>
    Array.from({ length: width }, (_, j) => {
      const [red, green, blue] = data.subarray(4 * (i * width + j));
      return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    }),
  );
}

/** Colour the kernel's fields by their numbers. */
function colourFields(G) {
  const [low, high] = extent(G.values);
  G.values.forEach((row, i) =>
    row.forEach((value, j) => {
      const colour = signedColour(0.45 * value, [low, high]).map(Math.round);
      G.field(i, j).style.background = `rgb(${colour.join(" ")})`;
    }),
  );
}

function kernelPage({ pictures, picture, kernels, kernel, edges, at }) {
  const known = structuredClone(pictures);
  let F = known[picture],
    how = edges,
    wished = edges,
    place = at,
    response = [[0]];
  const G = editableGrid({
    label: say("kernel"),
    named: say("kernel"),
    values: kernels[kernel],
    changed: draw,
  });
  const seenMap = pixelMap({
    label: say("picture"),
    caption: say("picture_caption"),
    colour: inkColour,
    name: "picture",
    picked: (i, j) => {
      const [a, b] = inset();
      move(i - a, j - b);
    },
  });
  const map = pixelMap({
    label: say("response"),
    caption: say("response_caption"),
    colour: signedColour,
    name: "response",
    picked: move,
  });
  const numbers = editableGrid({
    label: say("picture"),
    named: say("picture"),
    values: [[0]],
    changed: draw,
  });
  const own = html("details", { open: true }, html("summary", {}, say("edit")), numbers.element);
  const seen = shownGrid(say("seen")),
    products = shownGrid(say("products"));
  const formula = html("p", { class: "says formula", "aria-live": "polite" }),
    largest = html("p", { class: "says", "data-name": "largest" });
  const places = ["row", "column"].map((name, axis) =>
    slider({
      label: say(name),
      key: name,
      value: at[axis],
      low: 0,
      high: 1,
      step: 1,
      changed: (value) => {
        const next = [...place];
        next[axis] = Math.round(value);
        move(...next);
      },
    }),
  );

  const inset = () => (how === "zero" ? [0, 0] : [(G.values.length - 1) / 2, (G.values[0].length - 1) / 2]);
  function move(i, j) {
    place = [Math.min(response.length - 1, Math.max(0, i)), Math.min(response[0].length - 1, Math.max(0, j))];
    look();
  }

  const pictureList = dropdown({
    label: say("picture"),
    value: picture,
    options: Object.fromEntries(Object.keys(known).map((key) => [key, say(key)])),
    changed: (key) => {
      drop.forget();
      take(known[key]);
    },
  });
  const presets = dropdown({
    label: say("presets"),
    value: kernel,
    options: Object.fromEntries(Object.keys(kernels).map((key) => [key, say(key)])),
    changed: (key) => {
      G.set(kernels[key]);
      draw();
    },
  });
  const sizes = dropdown({
    label: say("size"),
    value: String(kernels[kernel].length),
    options: { 1: "1 × 1", 3: "3 × 3", 5: "5 × 5", 7: "7 × 7" },
    changed: (key) => {
      G.set(resized(G.values, Number(key)));
      draw();
    },
  });
  const borders = choice({
    label: say("edges"),
    value: how,
    options: { zero: say("zero"), valid: say("valid") },
    changed: (key) => {
      how = wished = key;
      draw();
    },
  });
  const problem = html("p", { class: "says warns", role: "status" }),
    drop = pictureDrop({
      read: readPicture,
      problem: (text) => {
        problem.textContent = text;
      },
      taken(read) {
        if (!known.own) pictureList.select.append(html("option", { value: "own" }, say("own_short")));
        known.own = read;
        pictureList.select.value = "own";
        take(read);
      },
    });
  /** Show another picture; one as large as the kernel has a single position, and is looked at inside only. */
  function take(next) {
    F = next;
    const fits = F.length === G.values.length && F[0].length === G.values[0].length;
    how = fits ? "valid" : wished;
    borders.set(how);
    own.hidden = Math.max(F.length, F[0].length) > 8;
    if (!own.hidden) {
      numbers.set(F);
      F = numbers.values;
    }
    draw();
  }
  function draw() {
    const [KH, KW] = [G.values.length, G.values[0].length];
    if (how === "valid" && (KH > F.length || KW > F[0].length)) {
      how = "zero";
      borders.set("zero");
    }
    sizes.select.value = String(KH);
    const same = Object.keys(kernels).find(
      (key) => JSON.stringify(kernels[key]) === JSON.stringify(G.values),
    );
    if (same) presets.select.value = same;
    else presets.select.selectedIndex = -1;
    colourFields(G);
    response = convolve(F, G.values, how);
    seenMap.set(F, F === known.own ? [255, 0] : F === known.digit ? [0, 255] : extent(F));
    map.set(response);
    const best = extent(response)[1],
      row = response.findIndex((values) => values.includes(best));
    largest.textContent = say("largest", { value: written(best), i: row, j: response[row].indexOf(best) });
    largest.dataset.at = JSON.stringify([row, response[row].indexOf(best)]);
    [response.length, response[0].length].forEach((size, axis) => {
      places[axis].element.querySelector("input").max = size - 1;
    });
    move(...place);
  }
  function look() {
    const [i, j] = place,
      [KH, KW] = [G.values.length, G.values[0].length],
      [a, b] = inset();
    const [top, left] = [i + a - (KH - 1) / 2, j + b - (KW - 1) / 2],
      window = under(F, top, left, KH, KW);
    const value = response[i][j],
      text = say("place", { i, j, value: written(value) });
    seenMap.outline([i + a, j + b], top, left, KH, KW, BLUE, text);
    map.outline([i, j], i, j, 1, 1, "#000", text);
    seen.set(window);
    products.set(window.map((row, k) => row.map((f, l) => f * G.values[k][l])));
    formula.textContent = `f(${i}, ${j}) = ${sumOfProducts(window, G.values)} = ${written(value)}`;
    formula.dataset.value = value;
    places.forEach((one, axis) => one.set(place[axis]));
  }
  const toLargest = button(say("to_largest"), () => move(...JSON.parse(largest.dataset.at)));
  const part = (key, grid) => html("div", { class: "panel" }, html("h2", {}, say(key)), grid.element);
  work(
    "three",
    html("div", { class: "wide bar" }, pictureList.element, presets.element, sizes.element, borders.element),
    html("div", { class: "wide steady" }, formula),
    panel(seenMap.element, own, drop.element, problem),
    panel(part("kernel", G), part("seen", seen), part("products", products)),
    panel(map.element, largest, toLargest, sliders(say("window"), places)),
  );
  take(F);
}

/** The kernel in the middle of a larger one, or its middle. */
function resized(values, size) {
  const away = (values.length - size) / 2;
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => values[i + away]?.[j + away] ?? 0),
  );
}

if (told.page === "kernel") kernelPage(told.start);
