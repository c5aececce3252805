"use strict";
// L22: the largest number of each window, and where the gradient goes.

/** Windows in reading order: value, and where its first largest number stands. */
function pooled(F, size, stride) {
  const count = (extent) => Math.floor((extent - size) / stride) + 1;
  return Array.from({ length: count(F.length) }, (_, i) =>
    Array.from({ length: count(F[0].length) }, (_, j) => {
      let best = { value: -Infinity };
      for (let k = 0; k < size; k++)
        for (let l = 0; l < size; l++) {
          const value = F[i * stride + k][j * stride + l];
          if (value > best.value) best = { value, row: i * stride + k, column: j * stride + l };
        }
      return best;
    }),
  );
}

/** The gradient by F: each window's g is added at its winner, 0 elsewhere. */
function pooledGradient(F, windows, g) {
  const result = F.map((row) => row.map(() => 0));
  windows.forEach((row, i) =>
    row.forEach(({ row: k, column: l }, j) => {
      result[k][l] += g[i][j];
    }),
  );
  return result;
}

function poolingPage({ grids, grid, size, stride }) {
  let windows = [],
    [K, S] = [size, stride];
  const F = editableGrid({
    label: say("picture"),
    named: say("picture"),
    values: grids[grid],
    changed: draw,
  });
  const g = editableGrid({
    label: say("incoming"),
    named: say("incoming"),
    values: [[1]],
    changed: backward,
  });
  const result = shownGrid(say("result")),
    gradient = shownGrid(say("gradient"));
  const lists = { 2: "2 × 2", 3: "3 × 3" };
  const which = dropdown({
    label: say("picture"),
    value: grid,
    options: Object.fromEntries(Object.keys(grids).map((key) => [key, say(key)])),
    changed: (key) => {
      F.set(grids[key]);
      draw();
    },
  });
  const sizes = dropdown({
    label: say("size"),
    value: String(K),
    options: lists,
    changed: (key) => {
      K = Number(key);
      draw();
    },
  });
  const strides = dropdown({
    label: say("stride"),
    value: String(S),
    options: { 1: "1", 2: "2", 3: "3" },
    changed: (key) => {
      S = Number(key);
      draw();
    },
  });
  const random = button(say("random"), () => {
    F.set(F.values.map((row) => row.map(() => Math.floor(10 * Math.random()))));
    draw();
  });
  const told = live();
  let over = null;

  function draw() {
    windows = pooled(F.values, K, S);
    result.set(
      windows.map((row) => row.map((one) => one.value)),
      4,
      () => true,
    );
    const fits = g.values.length === windows.length && g.values[0].length === windows[0].length;
    if (!fits) g.set(windows.map((row, i) => row.map((_, j) => 1 + i * row.length + j)));
    [...result.element.children].forEach((cell, number) => {
      const [i, j] = [Math.floor(number / windows[0].length), number % windows[0].length];
      Object.assign(cell, { tabIndex: 0 });
      cell.setAttribute(
        "aria-label",
        say("winner", {
          i,
          j,
          value: written(windows[i][j].value),
          k: windows[i][j].row,
          l: windows[i][j].column,
        }),
      );
      for (const [name, where] of [
        ["focus", [i, j]],
        ["pointerenter", [i, j]],
        ["blur", null],
        ["pointerleave", null],
      ])
        cell.addEventListener(name, () => {
          over = where;
          colour();
        });
    });
    told.textContent = say("told", {
      before: F.values.length * F.values[0].length,
      after: windows.length * windows[0].length,
    });
    colour();
    backward();
  }
  /** Winners, and the window that is looked at. */
  function colour() {
    const wins = new Set(windows.flat().map((one) => `${one.row},${one.column}`));
    F.values.forEach((row, i) =>
      row.forEach((_, j) => {
        const field = F.field(i, j),
          inside = over && i >= over[0] * S && i < over[0] * S + K && j >= over[1] * S && j < over[1] * S + K;
        field.classList.toggle("winner", wins.has(`${i},${j}`));
        const box = (Math.floor(i / S) + Math.floor(j / S)) % 2 && S >= K;
        field.style.background = inside ? "#cfe6f4" : wins.has(`${i},${j}`) ? "" : box ? "#f0f0f0" : "";
      }),
    );
  }
  function backward() {
    const back = pooledGradient(F.values, windows, g.values);
    gradient.set(back, 4, (i, j) => back[i][j] !== 0);
  }
  const part = (key, ...elements) => html("div", { class: "panel" }, html("h2", {}, say(key)), ...elements);
  work(
    "",
    html("section", { class: "wide bar" }, which.element, sizes.element, strides.element, random),
    part("picture", F.element, told),
    part("result", result.element, hint("result_hint")),
    part("gradient", gradient.element),
    part("incoming", g.element, hint("incoming_hint")),
  );
  draw();
}

if (told.page === "pooling") poolingPage(told.start);
