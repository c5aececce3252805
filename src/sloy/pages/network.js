"use strict";
// The network of the page, running: what is put into it, its answer, and what happens on the way.

/** A line for each class, the most probable first; or the numbers. */
function answerPanel() {
  const { task, names, unit, threshold, scores } = told.answer;
  const softmax = scores ? sharesView() : null;
  const plane = told.input.kind === "plane"; // whose classes have colours
  const line = live("score"),
    shown = table(say("answer"), [say(task === "regression" ? "output" : "class"), say("value")]);
  const bars = html("div", { class: "bars" }, shown.element);
  return {
    element: html("div", { class: "panel answer" }, html("h3", {}, say("answer")), line, bars, ...(softmax ? [softmax.element] : [])),
    show(y) {
      bars.hidden = !y;
      if (softmax) softmax.show(y && names, y && [...network.output(scores)]);
      if (!y) {
        line.textContent = say("nothing_yet");
        line.dataset.value = "";
        return;
      }
      line.dataset.value = JSON.stringify([...y]);
      if (task === "regression") {
        line.textContent = `${[...y].map((value) => written(value)).join(", ")} ${unit}`.trim();
        fillTable(
          shown.body,
          [...y].map((value, i) => [names[i] || say("output"), value]),
        );
        return;
      }
      const shares = task === "binary" ? [1 - y[0], y[0]] : [...y];
      let best = shares.indexOf(Math.max(...shares));
      if (shares.length === 2) best = Number(shares[1] > (threshold ?? 0.5));
      const named = (k) => names[k] ?? String(k);
      line.textContent = `${named(best)}, ${percent(shares[best])}`;
      const order = shares.map((_, k) => k);
      if (shares.length > 12) order.sort((i, j) => shares[j] - shares[i]);
      fillTable(
        shown.body,
        order.slice(0, 12).map((k) => [named(k), barOf(shares[k], plane ? classColour(k) : k === best ? BLUE : "#8a9aa8")]),
      );
    },
  };
}

/** The scores of the last layer, their exponentials, and the shares of these: softmax; of one score the sigmoid, which is that of 0 and it. */
function sharesView() {
  const shown = table(say("softmax"), [say("class"), say("score"), say("power"), say("share")]);
  const element = html(
    "details",
    { "data-name": "softmax" },
    html("summary", {}, say("softmax")),
    html("p", { class: "hint" }, say("softmax_is")),
    shown.element,
  );
  return {
    element,
    show(names, given) {
      element.hidden = !given;
      if (!given) return;
      const scores = given.length === 1 ? [0, given[0]] : given,
        largest = Math.max(...scores),
        powers = scores.map((z) => Math.exp(z - largest)),
        sum = powers.reduce((a, b) => a + b, 0);
      element.dataset.value = JSON.stringify(powers.map((e) => e / sum));
      const order = scores.map((_, k) => k);
      if (order.length > 12) order.sort((i, j) => scores[j] - scores[i]);
      fillTable(shown.body, [
        ...order.slice(0, 12).map((k) => [names[k] ?? String(k), written(scores[k]), written(powers[k]), percent(powers[k] / sum)]),
        [say("sum"), "", written(sum), "100 %"],
      ]);
    },
  };
}

/** A probability in percent; what would be written as 0 or 100 and is not, says so. */
function percent(share) {
  if (share > 0 && share < 5e-5) return "< 0.01 %";
  if (share < 1 && share > 0.99995) return "> 99.99 %";
  return `${(100 * share).toFixed(2)} %`;
}

/** A share as a bar with its number. */
function barOf(share, fill) {
  const drawing = svg(
    "svg",
    { viewBox: "0 0 100 12", class: "bar-of", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("rect", { width: 100, height: 12, fill: "#eef1f4" }),
    svg("rect", { width: Math.max(0.5, 100 * share), height: 12, fill }),
  );
  return html("span", { class: "share" }, drawing, html("span", {}, percent(share)));
}

/** Test samples that a button loads. */
function sampleButtons({ samples, input, take }) {
  if (!samples.length) return null;
  const pictures = input.kind === "ink" || input.kind === "picture";
  const list = samples.map((sample, i) => {
    const x = numbersOf(sample.x, sample.kind);
    const title = [sample.label, sample.answer].every((word) => word !== undefined)
      ? say("sample_taken", { label: sample.label, answer: sample.answer })
      : say("sample", { number: i + 1, label: sample.label ?? "" });
    const parts = [];
    if (pictures) {
      const canvas = html("canvas", { "aria-hidden": "true" });
      drawPicture(canvas, x, input);
      parts.push(canvas);
    }
    const named = sample.text ?? (sample.answer ? title : sample.label ?? String(i + 1));
    const where = input.kind === "plane" ? say("at", { x: written(x[0], 3), y: written(x[1], 3) }) : "";
    parts.push(html("span", {}, [named, where].filter(Boolean).join(" ")));
    return html(
      "button",
      { type: "button", class: "sample", "aria-label": sample.text ?? title, onclick: () => take(x, sample) },
      ...parts,
    );
  });
  return html("div", { class: "samples", role: "group", "aria-label": say("samples") }, ...list);
}

/** The whole: input, answer, samples, and the layers beside. */
function networkPage() {
  const { input } = told;
  const place = document.getElementById("network");
  const warning = html("p", { class: "says warns", role: "status" });
  const problem = (text) => {
    warning.textContent = text;
  };
  const answer = answerPanel(),
    layers = layersPanel();
  const time = html("p", { class: "hint", "data-name": "time" });
  const answerAt = (x) => {
    network.run(input.ahead ? preparedInput(x, input.scale) : Float32Array.from(x));
    return [...network.output(told.answer.output)];
  };
  function changed(x) {
    if (!x) {
      answer.show(null);
      layers.show(null);
      return;
    }
    const begun = performance.now();
    network.run(input.ahead ? preparedInput(x, input.scale) : x);
    const spent = performance.now() - begun;
    time.textContent = say("time", { time: spent < 0.1 ? "< 0.1" : written(spent, 2) });
    time.dataset.value = spent;
    place.dataset.x = JSON.stringify([...x]);
    answer.show(network.output(told.answer.output));
    layers.show(x);
  }
  const making = INPUTS[input.kind];
  const made = making ? making({ input, changed, problem, answerAt }) : null;
  function take(x, sample) {
    problem("");
    if (made) made.show(x, sample.row || {});
    changed(x);
  }
  const samples = sampleButtons({ samples: told.samples, input, take });
  place.replaceChildren(
    html(
      "div",
      { class: "work" },
      html("div", { class: "panel" }, ...[made && made.element, warning].filter(Boolean)),
      html("div", { class: "panel" }, answer.element, time),
      ...(samples
        ? [html("div", { class: "wide panel" }, html("h3", {}, say("samples_title")), samples)]
        : []),
    ),
  );
  const below = document.getElementById("layers");
  if (below) below.replaceChildren(layers.element);
  for (const list of document.querySelectorAll("[data-samples]")) {
    const wrong = sampleButtons({
      samples: told[list.dataset.samples],
      input,
      take: (x, sample) => {
        take(x, sample);
        place.scrollIntoView();
        place.focus();
      },
    });
    if (wrong) list.replaceChildren(wrong);
  }
  if (made && made.start) made.start();
  else if (told.samples.length) take(numbersOf(told.samples[0].x, told.samples[0].kind), told.samples[0]);
  else changed(null);
}
