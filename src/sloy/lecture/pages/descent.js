"use strict";
// L7: a straight line fitted by w := w - η∇Q, on the surface of Q(w)/N = (1/N) Σ (w1·x + w0 - y)².

/** The mean over objects, Q/N, and its gradient [by w0, by w1]. */
function lossAt([w0, w1], xs, ys) {
  let value = 0,
    by0 = 0,
    by1 = 0;
  xs.forEach((x, i) => {
    const error = w1 * x + w0 - ys[i];
    value += error * error;
    by0 += 2 * error;
    by1 += 2 * error * x;
  });
  return { value: value / xs.length, gradient: [by0 / xs.length, by1 / xs.length] };
}

/** The eigenvalues of Q/N's matrix of second derivatives, (2/N) [[N, Σx], [Σx, Σx²]], the largest first. */
function curvatures(xs) {
  const N = xs.length,
    a = 2,
    b = (2 * xs.reduce((s, x) => s + x, 0)) / N,
    c = (2 * xs.reduce((s, x) => s + x * x, 0)) / N;
  const middle = (a + c) / 2,
    radius = Math.hypot((a - c) / 2, b);
  return [middle + radius, middle - radius];
}

/** Where a step leads: over all objects, or over the one whose turn it is. */
function stepFrom(w, number, { xs, ys, order, rate, single }) {
  const one = order[number % order.length];
  const { gradient } = single ? lossAt(w, [xs[one]], [ys[one]]) : lossAt(w, xs, ys);
  return w.map((value, i) => value - rate * gradient[i]);
}

function descentPage({ xs, ys, order, start, rate, ranges }) {
  const data = { xs: [...xs], ys: [...ys], order, rate, single: false };
  let path = [[...start]],
    timer = null;
  const surface = new Plane({
    label: say("surface"),
    caption: say("surface"),
    x: ranges.w1,
    y: ranges.w0,
    names: ["w₁", "w₀"],
    size: 440,
    about: "surface_hint",
  });
  const line = new Plane({
    label: say("data"),
    caption: say("data"),
    x: ranges.x,
    y: ranges.y,
    names: ["x", "y"],
    size: 330,
    height: 230,
    about: "data_hint",
  });
  const history = new Plane({
    label: say("history"),
    caption: say("history"),
    x: [0, 20],
    y: [-3, 1],
    names: [say("steps"), "log₁₀(Q/N)"],
    size: 330,
    height: 190,
  });

  const rates = slider({
    label: "η",
    value: rate,
    low: 0.01,
    high: 1.2,
    step: 0.01,
    changed: (value) => {
      data.rate = value;
      draw();
    },
  });
  const which = choice({
    label: say("gradient_of"),
    value: "full",
    options: { full: say("full"), single: say("single") },
    changed: (key) => {
      data.single = key === "single";
      restart();
    },
  });
  const place = movable(surface, {
    kind: "start",
    place: [start[1], start[0]],
    step: 0.1,
    moved: () => restart(),
    named: ([w1, w0]) => say("start", { w1: written(w1), w0: written(w0) }),
  });
  place.draw(probe());
  surface.surface.addEventListener("click", (event) => {
    place.place = surface.at(event).map((v) => Number(v.toPrecision(4)));
    restart();
  });
  xs.forEach((x, i) => {
    const point = movable(line, {
      kind: "object",
      place: [x, ys[i]],
      named: ([a, b]) => say("object", { x: written(a), y: written(b) }),
      moved: ([a, b]) => {
        data.xs[i] = a;
        data.ys[i] = b;
        background();
        restart();
      },
    });
    point.draw([svg("circle", { r: 5, fill: BLUE, stroke: "#fff" })]);
  });

  const numbers = table(say("numbers"), [say("step"), "w₀", "w₁", "Q(w)/N", "|∇Q|/N"]);
  const verdict = live(),
    bounds = html("p", { class: "says" });
  const play = button(say("play"), () => (timer ? stop() : begin()), { "aria-pressed": "false" });

  function advance(count = 1) {
    for (let i = 0; i < count && !gone(); i++) path.push(stepFrom(path.at(-1), path.length - 1, data));
    if (gone()) stop();
    draw();
  }
  const now = () => lossAt(path.at(-1), data.xs, data.ys);
  const gone = () => !(now().value < 1e9) || path.length > 2000;
  function begin() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return advance(25);
    play.textContent = say("pause");
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => advance(), 120);
    return null;
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = say("play");
    play.setAttribute("aria-pressed", "false");
  }
  function restart() {
    stop();
    path = [[place.place[1], place.place[0]]];
    draw();
  }

  let levels = [];
  function background() {
    const f = (w1, w0) => lossAt([w0, w1], data.xs, data.ys).value;
    const largest = Math.max(...[0, 1].flatMap((i) => [0, 1].map((j) => f(ranges.w1[i], ranges.w0[j]))));
    surface.shade((w1, w0) => {
      const deep = 255 - 70 * Math.sqrt(Math.min(1, f(w1, w0) / largest));
      return [deep, deep, deep];
    }, 70);
    levels = [0.004, 0.02, 0.06, 0.14, 0.28, 0.5, 0.8].map((share) =>
      surface.line(surface.contour(f, share * largest, 50), { stroke: "#8a8a8a", "stroke-width": 1 }),
    );
  }
  function draw() {
    place.draw();
    const shown = path.map(([w0, w1]) => [w1, w0]),
      dots = shown.filter((_, i) => path.length < 80 || i === path.length - 1);
    surface.lines.replaceChildren(
      ...levels,
      surface.line(surface.through(shown), { stroke: BLUE }),
      ...dots.map(([a, b]) =>
        svg("path", {
          d: `${surface.through([[a, b]])}h0`,
          stroke: BLUE,
          "stroke-width": 6,
          "stroke-linecap": "round",
        }),
      ),
    );
    const [w0, w1] = path.at(-1),
      [left, right] = ranges.x;
    line.lines.replaceChildren(
      line.line(
        line.through([
          [left, w1 * left + w0],
          [right, w1 * right + w0],
        ]),
        { stroke: ORANGE },
      ),
    );
    drawHistory();
    const { value, gradient } = now();
    fillTable(numbers.body, [[String(path.length - 1), w0, w1, value, Math.hypot(...gradient)]]);
    Object.assign(numbers.body.dataset, { path: JSON.stringify(path), loss: value });
    tell(value);
  }
  function drawHistory() {
    const logs = path.map((w) =>
      Math.log10(Math.max(1e-12, Math.min(1e12, lossAt(w, data.xs, data.ys).value))),
    );
    history.range(
      [0, Math.max(20, path.length - 1)],
      [Math.min(-1.5, Math.floor(Math.min(...logs))), Math.max(1, Math.ceil(Math.max(...logs)))],
    );
    history.lines.replaceChildren(
      history.line(history.through(logs.map((log, i) => [i, log])), { stroke: BLUE }),
    );
  }
  function tell(value) {
    const [steep, flat] = curvatures(data.xs),
      [half, bound] = [1 / steep, 2 / steep];
    const told = Object.fromEntries(
      Object.entries({ steep, flat, half, bound, rate: data.rate }).map(([key, one]) => [key, written(one)]),
    );
    bounds.textContent = say("bounds", told);
    Object.assign(bounds.dataset, { steep, flat });
    let key = data.rate >= bound ? "diverges" : data.rate > half ? "swings" : "direct";
    if (data.single) key = value >= 1e9 ? "gone" : "wanders";
    verdict.textContent = say(key, { ...told, factor: written(1 - data.rate * steep, 2) });
    verdict.dataset.key = key;
    verdict.classList.toggle("warns", key === "diverges" || key === "gone");
  }

  work(
    "",
    panel(
      surface.element,
      buttons(say("moves"), [
        play,
        button(say("one_step"), () => advance()),
        button(say("ten_steps"), () => advance(10)),
        button(say("reset"), restart),
      ]),
    ),
    panel(rates.element, which.element, verdict, bounds, numbers.element, line.element, history.element),
  );
  background();
  draw();
}

if (told.page === "descent") descentPage(told.start);
