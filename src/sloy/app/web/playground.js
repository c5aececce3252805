// The playground: a network that learns while one looks and changes it.
import {button, count, h, keepingFocus, labelled, number, say, select, tell} from "/web/base.js";
import {Chart} from "/web/charts.js";
import {Net} from "/web/net.js";
import {Plane, legend, paintAnswer} from "/web/plane.js";

const SPEEDS = [[0, "speed_most"], [1, "speed_1"], [10, "speed_10"], [100, "speed_100"]];
const READ = 250, DRAWN = 1000; // milliseconds from numbers to numbers, from curves to curves, while it plays

export class Playground {
  constructor(app) {
    Object.assign(this, {app, live: app.live, tests: true, log: true, read: 0, drawn: 0});
    this.plane = new Plane();
    this.chart = new Chart(say("loss_over_steps"), say("step"));
    this.net = new Net(app.start.activations, change => this.design(change), () => this.paint());
    this.made = {name: "moons", count: 500, noise: 0.2, seed: 0}; // what the form asks for
    this.element = h("div", {className: "playground"}, h("h1", {}, say("playground")), h("p", {className: "lead"}, say("playground_lead")));
    this.build();
    if (this.live.state) this.told("state", this.live.state);
    for (const frame of this.live.frames.values()) this.told("frame", frame);
  }

  send(command) { this.live.send(command); }

  get line() { return this.live.state?.lines[this.live.state.active]; }
  get frame() { return this.live.frames.get(this.line?.key); }

  // change(design): what is other in it, null where that has no sense any more
  design(change) {
    this.send(({lines, active}) => {
      const {design} = lines[active], more = change(design);
      return more && {do: "design", design: {...design, ...more}};
    });
  }

  reset(more) { this.send(({lines, active}) => ({do: "reset", seed: lines[active].design.seed + more})); }

  build() {
    this.play = button("", () => this.send(({playing}) => ({do: playing ? "pause" : "play"})), {className: "main", id: "play"});
    this.numbers = h("output", {className: "numbers", id: "numbers"});
    this.slider = h("input", {type: "range", min: 0, max: 0, value: 0, id: "rewind", onchange: () => this.send({do: "rewind", step: Number(this.slider.value)}),
      oninput: () => { this.asked.textContent = count(Number(this.slider.value)); }});
    this.asked = h("output", {}, "0");
    const bar = h("div", {className: "bar", role: "toolbar", "aria-label": say("training")},
      this.play,
      button(say("one_step"), () => this.send({do: "step", count: 1}), {id: "one-step"}),
      button(say("one_epoch"), () => this.send({do: "epoch"}), {id: "one-epoch"}),
      button(say("begin_again"), () => this.reset(0), {id: "begin-again"}),
      button(say("other_weights"), () => this.reset(1)),
      labelled(say("speed"), this.speed = select(SPEEDS.map(([n, key]) => [n, say(key)]), 0, value => this.send({do: "speed", steps: Number(value)})), "inline"),
      this.numbers);
    const time = h("div", {className: "bar"}, labelled(say("rewind"), this.slider, "wide"), this.asked,
      button(say("branch"), () => this.send({do: "branch"}), {id: "branch", title: say("branch_hint")}));
    this.lines = h("ul", {className: "lines"});
    this.compare = h("section", {hidden: true}, h("h2", {}, say("lines")), this.together = h("input", {type: "checkbox", id: "together",
      onchange: () => this.send({do: "together", on: this.together.checked})}), h("label", {for: "together"}, say("train_together")), this.lines);
    this.tune = h("div", {className: "controls"});
    this.side = h("div", {className: "side"});
    this.legend = h("div");
    const tests = h("input", {type: "checkbox", id: "tests", checked: true, onchange: () => { this.tests = tests.checked; this.paint(); }});
    const log = h("input", {type: "checkbox", id: "log", checked: true, onchange: () => { this.log = log.checked; this.drawCurves(); }});
    this.element.append(bar, time,
      h("div", {className: "stage"},
        h("section", {className: "stage-net"}, h("h2", {}, say("network")), this.net.element, h("p", {className: "quiet"}, say("net_hint"))),
        h("section", {className: "stage-plane"}, h("h2", {}, say("plane")), this.side, this.plane.element, this.legend,
          h("div", {}, tests, h("label", {for: "tests"}, say("show_tests"))))),
      this.compare,
      h("div", {className: "two"},
        h("section", {}, h("h2", {}, say("training")), this.tune),
        h("section", {}, h("h2", {}, say("data")), this.sceneForm())),
      h("section", {}, h("h2", {}, say("curves")), h("div", {}, log, h("label", {for: "log"}, say("logarithmic"))), this.chart.element));
  }

  sceneForm() {
    this.fields = {};
    const {made} = this, again = () => this.send({do: "scene", ...made});
    const range = (key, least, most, step) => this.fields[key] = h("input", {type: "number", min: least, max: most, step, value: made[key], id: `scene-${key}`,
      onchange: event => { made[key] = Math.min(most, Math.max(least, Number(event.target.value) || 0)); event.target.value = made[key]; again(); }});
    this.drawing = [labelled(say("samples"), range("count", 20, 2000, 10)), labelled(say("noise"), range("noise", 0, 1, 0.05)),
      button(say("other_samples"), () => { made.seed += 1; again(); })];
    return h("div", {className: "controls"},
      labelled(say("scene"), this.scenes = select(this.app.start.scenes.map(name => [name, say(`scene_${name}`)]), made.name, name => { made.name = name; again(); })),
      this.drawing,
      h("a", {href: "#data", className: "button"}, say("own_data")));
  }

  tuning(design) {
    const numeric = (key, least, most, step) => h("input", {type: "number", value: design[key], min: least, max: most, step, id: `design-${key}`,
      onchange: event => { const value = Number(event.target.value); if (event.target.value === "" || value < least || value > most) { event.target.value = design[key]; tell(say("between", {least, most}), true); } else this.design(() => ({[key]: value})); }});
    const rates = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
    const known = rates.includes(design.learning_rate) ? rates : [...rates, design.learning_rate].sort((a, b) => a - b);
    const rate = select(known.map(value => [value, String(value)]), design.learning_rate, value => this.design(() => ({learning_rate: Number(value)})));
    rate.id = "design-rate";
    const optimizer = select(this.app.start.optimizers.map(name => [name, name]), design.optimizer, name => this.design(() => ({optimizer: name})));
    optimizer.id = "design-optimizer";
    return [
      labelled(say("learning_rate"), rate), labelled(say("optimizer"), optimizer),
      labelled(say("batch_size"), numeric("batch_size", 1, 1000, 1)),
      labelled("L1", numeric("l1", 0, 10, 0.001)), labelled("L2", numeric("l2", 0, 10, 0.001)),
      labelled(say("dropout"), numeric("dropout", 0, 0.95, 0.05)),
    ];
  }

  told(kind, value) {
    if (kind === "state") this.state(value);
    if (kind === "frame" && this.live.state) this.schedule();
  }

  state(state) {
    const design = JSON.stringify(this.line.design);
    if (design !== this.tuned) {
      this.tuned = design;
      keepingFocus([this.tune], () => this.tune.replaceChildren(...this.tuning(this.line.design)));
    }
    this.play.textContent = state.playing ? say("pause") : say("play");
    this.play.setAttribute("aria-pressed", String(state.playing));
    this.speed.value = state.speed;
    this.together.checked = state.together;
    this.tellScene(state.scene);
    this.legend.replaceChildren(legend(state.scene));
    this.tellLines(state);
    this.schedule();
  }

  // What the form asks for is what is there: samples that are drawn, or one's own, which are not.
  tellScene({name, drawn}) {
    const own = !("seed" in drawn), key = JSON.stringify([name, drawn]);
    if (key === this.scene) return;
    this.scene = key;
    this.scenes.querySelector("[data-own]")?.remove();
    if (own) this.scenes.prepend(h("option", {value: name, "data-own": ""}, name));
    else {
      Object.assign(this.made, {name}, drawn);
      for (const [of, field] of Object.entries(this.fields)) field.value = drawn[of];
    }
    this.scenes.value = name;
    for (const part of this.drawing) part.hidden = own;
  }

  tellLines(state) {
    this.compare.hidden = state.lines.length < 2;
    this.minis = [];
    keepingFocus([this.lines], () => this.lines.replaceChildren(...state.lines.map((line, k) => {
      const canvas = h("canvas", {className: "mini", width: 100, height: 100, role: "img", "aria-label": say("plane_of_line", {line: letter(k)})});
      const numbers = h("span", {className: "numbers"});
      this.minis[k] = {key: line.key, canvas, numbers};
      const {learning_rate: rate, optimizer, layers} = line.design;
      return h("li", {className: k === state.active ? "chosen" : ""}, canvas, h("div", {},
        h("strong", {}, say("line_n", {line: letter(k)})), h("div", {className: "quiet"}, `${layers.map(layer => layer.units).join("-") || "–"} · ${optimizer} ${rate}`), numbers,
        h("div", {className: "pair"}, button(say("choose"), () => this.send({do: "select", line: line.key}), {"aria-pressed": String(k === state.active), id: `choose-${k}`}),
          state.lines.length > 1 ? button(say("remove"), () => this.remove(line.key), {id: `remove-${k}`}) : null)));
    })));
  }

  remove(key) {
    this.send(({lines}) => lines.length > 1 && lines.some(line => line.key === key) ? {do: "remove", line: key} : null);
  }

  schedule() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    const {state} = this.live, {frame, line} = this;
    if (!frame || !line || frame.dense.length !== line.design.layers.length + 1) return;
    this.net.show(state.scene, line.design, frame);
    this.tellUnit();
    this.plane.show(state.scene, frame, this.net.unit, this.tests);
    if (this.minis?.length > 1) for (const {key, canvas} of this.minis) if (this.live.frames.has(key)) paintAnswer(canvas, this.live.frames.get(key));
    // What moves slowly, or cannot be read as fast, comes less often: each costs a browser as much as the planes.
    const now = performance.now(), {playing} = state;
    if (!playing || now - this.read > READ) { this.read = now; this.tellNumbers(state, frame); }
    if (!playing || now - this.drawn > DRAWN) this.drawCurves();
  }

  tellNumbers(state, frame) {
    const last = frame.points.at(-1), score = say(state.scene.classes.length ? "accuracy" : "r2");
    const shown = value => state.scene.classes.length ? `${(100 * value).toFixed(1)} %` : number(value, 3);
    this.numbers.textContent = `${say("step")} ${count(frame.step)} · ${say("epoch")} ${count(Math.floor(frame.epoch))} · ${say("loss")} ${number(last[1], 3)}, ${say("of_test")} ${number(last[3], 3)} · ${score} ${shown(last[2])}, ${say("of_test")} ${shown(last[4])}${frame.speed ? ` · ${count(frame.speed)} ${say("steps_per_second")}` : ""}${frame.failed ? ` · ${say("not_finite")}` : ""}`;
    Object.assign(this.numbers.dataset, {step: frame.step, train: last[2], test: last[4], speed: frame.speed});
    if (document.activeElement !== this.slider || state.playing) {
      this.slider.min = frame.first;
      this.slider.max = frame.step;
      this.slider.value = frame.step;
      this.asked.textContent = count(frame.step);
    } else this.slider.max = Math.max(frame.step, Number(this.slider.max));
    this.minis?.forEach(({key, numbers}) => {
      const own = this.live.frames.get(key);
      if (!own) return;
      const point = own.points.at(-1);
      numbers.textContent = `${say("step")} ${count(own.step)} · ${say("loss")} ${number(point[3], 3)} · ${shown(point[4])}`;
    });
  }

  drawCurves() {
    this.drawn = performance.now();
    const there = this.live.state.lines.map(line => this.live.frames.get(line.key)), many = there.filter(Boolean).length > 1;
    const series = there.flatMap((frame, k) => {
      if (!frame) return [];
      const name = many ? `${letter(k)}: ` : "";
      return [[1, say("train_loss"), 0], [3, say("test_loss"), 1]].map(([column, label, dash]) => ({
        label: name + label, colour: many ? k : 1 - dash, dash, points: frame.points.map(row => [row[0], row[column]])}));
    });
    this.chart.show(series, this.log);
  }

  tellUnit() {
    const about = this.net.about(), key = JSON.stringify([this.net.unit, this.tuned]);
    if (!about) {
      this.net.unit = null;
      if (this.sideKey !== "answer") { this.sideKey = "answer"; this.side.replaceChildren(h("p", {}, say("answer_of_network"))); }
      return;
    }
    if (this.sideKey !== key) {
      this.sideKey = key;
      const [layer, unit] = this.net.unit;
      this.weights = h("tbody");
      this.side.replaceChildren(h("p", {}, say("unit_shown", {layer: layer + 1, unit: unit + 1})),
        labelled(say("activation_of_unit"), about.own, "inline"),
        button(say("back_to_answer"), () => this.net.pick(null)),
        h("details", {}, h("summary", {}, say("weights")), h("table", {}, this.weights)));
    }
    this.weights.replaceChildren(...about.weights.map(([name, value]) => h("tr", {}, h("th", {scope: "row"}, name), h("td", {}, value))));
  }
}

export function letter(k) {
  return "ABCDEFGH"[k];
}
