// By hand: one object through a network and back, with every number: forward, the errors back, the step of the weights.
import {PickedUnit} from "/web/hand_model.js";
import {Shown, ask, button, h, keepingFocus, labelled, number, say, select, spoken, svg, table} from "/web/base.js";

const PHASES = ["forward", "backward", "update"];
const SHAPES = ["cross", "frame", "slash"];
const ROW = 50, GAP = 150, LEFT = 60;

export class HandPage {
  constructor(app) {
    Object.assign(this, {app, source: app.hand ? "model" : "playground", model: app.hand ?? null, sample: 0, rate: 0.1, shape: "cross", pixels: null, seed: 1, phase: "forward", picked: [0, 0]});
    this.body = h("div");
    this.steps = h("div", {className: "bar"});
    this.shown = new Shown([this.steps, this.body]);
    this.element = h("div", {}, h("h1", {}, say("hand")), h("p", {className: "lead"}, say("hand_lead")), this.form(), this.steps, this.body);
    this.choose();
  }

  form() {
    const radio = (value, text) => {
      const box = h("input", {type: "radio", name: "source", id: `source-${value}`, checked: this.source === value, onchange: () => { this.source = value; this.picked = [0, 0]; this.choose(); }});
      return h("span", {}, box, h("label", {for: box.id}, text), " ");
    };
    const sample = h("input", {type: "number", min: 0, value: 0, id: "hand-sample", onchange: () => { this.sample = Math.max(0, Number(sample.value)); this.load(); }});
    const rate = h("input", {type: "number", min: 0.0001, max: 10, step: "any", value: this.rate, id: "hand-rate", onchange: () => { if (Number(rate.value) > 0) { this.rate = Number(rate.value); this.load(); } }});
    this.own = h("span", {}, labelled(say("sample"), sample));
    this.models = h("span", {hidden: true, className: "controls"});
    this.pictures = h("span", {hidden: true, className: "controls"}, labelled(say("picture"), select(SHAPES.map(name => [name, say(`shape_${name}`)]), this.shape, name => { this.shape = name; this.pixels = null; this.load(); })),
      button(say("other_weights"), () => { this.seed += 1; this.load(); }));
    const phases = h("span", {role: "group", "aria-label": say("phase"), className: "pair"}, this.phaseButtons = PHASES.map(name => button(say(`phase_${name}`), () => { this.phase = name; this.show(); }, {id: `phase-${name}`})));
    this.steps.replaceChildren(phases, button(say("back"), () => this.walk(-1), {id: "walk-back"}), button(say("on"), () => this.walk(1), {id: "walk-on", className: "main"}));
    return h("div", {}, h("div", {className: "bar", role: "radiogroup", "aria-label": say("network")}, radio("playground", say("source_playground")), radio("picture", say("source_picture")), radio("model", say("source_model"))),
      h("div", {className: "controls"}, this.models, this.own, this.pictures, labelled(say("learning_rate"), rate)));
  }

  // Show what belongs to the source, and look for models where it is one.
  choose() {
    this.own.hidden = this.source === "picture";
    this.pictures.hidden = this.source !== "picture";
    this.models.hidden = this.source !== "model";
    if (this.source !== "model") return this.load();
    return this.shown.ask(() => ask("hand_models"), models => {
      const there = models.find(one => one.id === this.model) || models.find(one => one.id === this.app.start.opened) || models[0];
      this.model = there?.id ?? null;
      this.models.replaceChildren(there ? labelled(say("model"), select(models.map(one => [one.id, one.name]), this.model, id => { this.model = this.app.hand = id; this.picked = [0, 0]; this.load(); })) : h("p", {}, say("no_models_hand")));
      if (there) this.load();
      else this.clear();
    }, {failed: () => this.clear()});
  }

  // With `still`: a change of what is shown, which stays in use until the answer comes.
  load({still = false} = {}) {
    const {source, model: id, sample, shape: name, pixels, seed} = this, given = {learning_rate: this.rate, language: spoken()};
    return this.shown.ask(async () => {
      if (source === "playground") return {trace: await ask("hand", {sample, ...given}), selected: null};
      if (source === "picture") return {trace: await ask("hand_picture", {name, pixels, seed, ...given}), selected: null};
      const trace = await ask("hand_model", {id, sample, ...given});
      // A network too large for all its numbers: of each layer some units, of the picked one everything that matters.
      const selected = trace.whole ? null : new PickedUnit({id, sample, learning_rate: given.learning_rate}, trace, this.selected);
      if (selected) selected.unit = await selected.numbersOf(selected.picked);
      return {trace, selected};
    }, ({trace, selected}) => {
      Object.assign(this, {trace, selected});
      if (!selected) {
        this.units = trace.layers.map(layer => places(layer.u));
        if (!trace.layers[this.picked[0]] || !this.units[this.picked[0]][this.picked[1]]) this.picked = [0, 0];
      }
      this.show();
    }, {failed: () => this.clear(), still});
  }

  clear() {
    Object.assign(this, {trace: null, selected: null});
    this.body.replaceChildren();
  }

  // The next thing that is computed: unit after unit forward, then the errors from the last layer back, then the weights.
  walk(by) {
    if (!this.trace) return undefined;
    if (this.selected) return this.selected.walk(this, by, PHASES);
    const all = PHASES.flatMap(phase => {
      const units = this.units.flatMap((own, layer) => phase === "update" && !this.trace.layers[layer].parameters.weight ? [] : own.map((_, unit) => [phase, layer, unit]));
      return phase === "forward" ? units : units.reverse();
    });
    const now = all.findIndex(([phase, layer, unit]) => phase === this.phase && layer === this.picked[0] && unit === this.picked[1]);
    const [phase, layer, unit] = all[Math.min(all.length - 1, Math.max(0, now + by))];
    this.phase = phase;
    this.picked = [layer, unit];
    return this.show();
  }

  pick(layer, unit) {
    this.picked = [layer, unit];
    this.show();
  }

  show() {
    const {trace} = this;
    for (const [k, made] of this.phaseButtons.entries()) made.setAttribute("aria-pressed", String(PHASES[k] === this.phase));
    if (!trace) return;
    const answer = trace.classes.length ? trace.classes.map((name, k) => `${name} ${number(trace.prediction[k], 3)}`).join(", ") : number(trace.output[0]);
    const inside = this.selected ? [this.selected.element(this)] : [
      h("div", {className: "stack hand"},
        h("div", {className: "scroll", tabIndex: 0, role: "region", "aria-label": say("network")}, trace.shape.length === 1 ? this.drawing() : this.grids()),
        h("section", {"aria-live": "polite", id: "hand-unit"}, this.explained())),
      h("details", {}, h("summary", {}, say("whole_text")), h("pre", {tabIndex: 0}, trace.text))];
    keepingFocus([this.body], () => this.body.replaceChildren(
      h("p", {id: "hand-loss", "data-loss": String(trace.loss), "data-new": String(trace.new_loss)}, say("hand_answer", {answer}), " ", h("strong", {}, `L = ${number(trace.loss)} → ${number(trace.new_loss)}`), " ", say("after_step")),
      this.source === "model" && !trace.samples ? h("p", {className: "quiet"}, say("noise_sample")) : "", ...inside));
  }

  // --- dense networks: neurons and edges -------------------------------------------------------------

  drawing() {
    const {trace} = this, columns = [trace.x, ...trace.layers.map(layer => layer.u)], tall = Math.max(...columns.map(column => column.length));
    const at = (k, i) => [LEFT + k * GAP, 30 + ROW * (i + (tall - columns[k].length) / 2)], drawn = svg("svg", {class: "hand-svg", width: LEFT + GAP * (columns.length - 1) + 120, height: 40 + ROW * tall, role: "group", "aria-label": say("network")});
    const [layer, unit] = this.picked, labels = [];
    trace.layers.forEach((own, k) => {
      if (!own.parameters.weight) {
        own.u.forEach((_, i) => { const [a, b] = at(k, i), [c, d] = at(k + 1, i); drawn.append(svg("line", {x1: a, y1: b, x2: c, y2: d, stroke: "#80888f"})); });
        return;
      }
      const {value, gradient, new: next} = own.parameters.weight, most = Math.max(1e-9, ...value.flat().map(Math.abs));
      value.forEach((row, i) => row.forEach((w, o) => {
        const [x1, y1] = at(k, i), [x2, y2] = at(k + 1, o), into = layer === k && unit === o, out = this.phase === "backward" && layer === k - 1 && unit === i;
        drawn.append(svg("line", {x1, y1, x2, y2, stroke: w < 0 ? "#D55E00" : "#0072B2", "stroke-width": 0.5 + 3 * Math.abs(w) / most, opacity: into || out ? 1 : 0.18}));
        const shown = this.phase === "backward" ? out : into;
        if (!shown) return;
        const place = this.phase === "backward" ? 0.66 : 0.32, text = number(this.phase === "update" ? next[i][o] : w, 3); // where edges are apart
        labels.push(svg("text", {x: x1 + place * (x2 - x1), y: y1 + place * (y2 - y1) + 4, class: "label", "text-anchor": "middle", "data-weight": `${k} ${i} ${o}`, "data-value": w, "data-gradient": gradient[i][o], "data-new": next[i][o]}, text));
      }));
    });
    columns.forEach((column, k) => column.forEach((value, i) => {
      const [x, y] = at(k, i), shown = this.phase === "forward" || !k ? value : trace.layers[k - 1].error[i];
      const name = k ? say("neuron_label", {layer: k, unit: i + 1, value: number(shown, 3)}) : `${trace.names[i] ?? `x${i + 1}`} = ${number(value, 3)}`;
      const group = svg("g", k ? {role: "button", tabindex: 0, "aria-label": name, "data-unit": `${k - 1} ${i}`, class: layer === k - 1 && unit === i ? "picked" : "",
        onclick: () => this.pick(k - 1, i), onkeydown: event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.pick(k - 1, i); } }} : {"aria-label": name});
      group.append(svg("circle", {cx: x, cy: y, r: 22}), svg("text", {x, y: y + 4, "text-anchor": "middle", "data-value": shown}, number(shown, 2)));
      if (!k) group.append(svg("text", {x: 4, y: y + 4}, (trace.names[i] ?? "").slice(0, 5)));
      if (k === columns.length - 1 && trace.classes.length) group.append(svg("text", {x: x + 28, y: y + 4}, trace.classes[i].slice(0, 12)));
      drawn.append(group);
    }));
    drawn.append(...labels);
    return drawn;
  }

  // --- pictures: grids of numbers ----------------------------------------------------------------------

  grids() {
    const {trace} = this, [layer, unit] = this.picked, source = new Set(this.sources().map(String));
    const map = (values, of, title) => {
      const [height, width, channels] = [values.length, values[0].length, values[0][0].length], most = Math.max(1e-9, ...values.flat(2).map(Math.abs));
      return h("div", {}, h("p", {className: "title"}, title), h("div", {className: "stack"}, Array.from({length: channels}, (_, channel) => {
        const cells = h("div", {className: "cells"});
        cells.style.gridTemplateColumns = `repeat(${width}, max-content)`;
        for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) {
          const index = (i * width + j) * channels + channel, value = values[i][j][channel], share = value / most;
          const cell = button(number(value, 2), of < 0 ? () => this.flip(i, j) : () => this.pick(of, index), {"data-unit": `${of} ${index}`, "data-value": String(value),
            className: `${of === layer && index === unit ? "picked" : ""} ${of === layer - 1 && source.has(String(index)) ? "seen" : ""}`,
            "aria-label": of < 0 ? say("pixel", {i, j, value: number(value, 2)}) : say("cell", {i, j, channel, value: number(value, 3)})});
          const end = share < 0 ? [213, 94, 0] : [0, 114, 178];
          cell.style.background = `rgb(${end.map(c => Math.round(255 - 0.55 * Math.abs(share) * (255 - c))).join(" ")})`;
          cells.append(cell);
        }
        return cells;
      })));
    };
    const list = (values, of, title) => h("div", {}, h("p", {className: "title"}, title), h("div", {className: "things"}, values.map((value, i) => button(`${of === trace.layers.length - 1 ? `${trace.classes[i]}: ` : ""}${number(value, 2)}`, () => this.pick(of, i),
      {"data-unit": `${of} ${i}`, "aria-pressed": String(of === layer && i === unit), "aria-label": say("neuron_label", {layer: of + 1, unit: i + 1, value: number(value, 3)})}))));
    const all = [map(trace.x, -1, say("picture_to_draw"))];
    trace.layers.forEach((own, k) => {
      const values = this.phase === "forward" ? own.u : own.error, title = `${k === trace.layers.length - 1 ? say("outputs") : own.title}, ${own.name}`;
      all.push(Array.isArray(values[0]) ? map(values, k, title) : list(values, k, title));
    });
    return h("div", {className: "stack"}, all);
  }

  flip(i, j) {
    const pixels = this.pixels?.slice() ?? this.trace.x.flat(2).map(value => Math.round(255 * value)), k = i * this.trace.x[0].length + j;
    pixels[k] = pixels[k] > 127 ? 0 : 255;
    this.pixels = pixels;
    this.load({still: true});
  }

  // Which inputs, flat, the picked unit is made of.
  sources() {
    const [k, unit] = this.picked, layer = this.trace.layers[k];
    if (!layer.window) return layer.kind === "dense" ? layer.inputs.map((_, i) => i) : [unit];
    return this.taps(layer, unit).map(tap => tap.index);
  }

  taps(layer, unit) {
    const [, , outputs] = extents(layer.u), [height, width, channels] = extents(layer.inputs), [, across] = extents(layer.u);
    const channel = unit % outputs, j = Math.floor(unit / outputs) % across, i = Math.floor(unit / outputs / across), {size, stride, padding} = layer.window, found = [];
    for (let c = 0; c < channels; c++) for (let a = 0; a < size[0]; a++) for (let b = 0; b < size[1]; b++) {
      const row = i * stride[0] - padding[0] + a, column = j * stride[1] - padding[2] + b;
      if (row < 0 || column < 0 || row >= height || column >= width) continue;
      if (layer.kind !== "convolution" && c !== channel) continue;
      found.push({row, column, c, a, b, channel, index: (row * width + column) * channels + c, x: layer.inputs[row][column][c]});
    }
    return found;
  }

  // --- the picked unit in words and numbers --------------------------------------------------------------

  explained() {
    const [k, unit] = this.picked, {trace} = this, layer = trace.layers[k], at = this.units[k][unit], of = array => at.reduce((inner, index) => inner[index], array);
    const title = h("h2", {}, `${layer.name}, ${say("unit_n", {n: at.map(index => index + 1).join(", ")})}`);
    const values = [["u", of(layer.u)], ["ε = ∂L/∂u", of(layer.error)], ["σ′", of(layer.slope)], ["ε σ′ = ∂L/∂z", of(layer.error) * of(layer.slope)]];
    if (layer.z) values.unshift(["z", of(layer.z)]);
    const numbers = h("dl", {}, values.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {"data-name": name, "data-value": String(value)}, number(value, 5))]));
    if (this.phase === "backward") return [title, numbers, this.errors(k, unit)];
    const parts = this.inputsOf(layer, unit), {bias} = layer.parameters, own = layer.kind === "dense" ? unit : at.at(-1);
    if (!parts) return [title, numbers];
    if (this.phase === "update") {
      const rows = parts.filter(part => part.w !== undefined).map(part => [part.name, number(part.w), number(part.gradient), number(part.next)]);
      if (bias) rows.unshift([say("bias"), number(bias.value[own]), number(bias.gradient[own]), number(bias.new[own])]);
      return [title, numbers, rows.length ? table(["", "w", "∂L/∂w", `w − ${number(trace.learning_rate)} ∂L/∂w`], rows, say("weights_step")) : h("p", {}, say("no_weights"))];
    }
    const weighted = parts[0]?.w !== undefined, rows = parts.map(part => [part.name, number(part.x), ...(weighted ? [number(part.w), number(part.x * part.w)] : [part.won ? say("winner") : ""])]);
    if (bias) rows.push([say("bias"), "1", number(bias.value[own]), number(bias.value[own])]);
    const sum = weighted ? h("p", {}, `z = ${number(of(layer.z), 5)}, u = ${layer.activation ? `${layer.activation}(z)` : "z"} = ${number(of(layer.u), 5)}`) : null;
    return [title, numbers, table(["", "x", ...(weighted ? ["w", "x · w"] : [""])], rows, say("products")), sum];
  }

  inputsOf(layer, unit) {
    const weight = layer.parameters.weight;
    if (layer.kind === "dense") return layer.inputs.map((x, i) => ({name: this.nameOf(layer, i), x, w: weight.value[i][unit], gradient: weight.gradient[i][unit], next: weight.new[i][unit]}));
    if (layer.kind === "convolution") return this.taps(layer, unit).map(({row, column, c, a, b, channel, x}) => ({name: `(${row}, ${column})${extents(layer.inputs)[2] > 1 ? ` [${c}]` : ""}`, x,
      w: weight.value[a][b][c][channel], gradient: weight.gradient[a][b][c][channel], next: weight.new[a][b][c][channel]}));
    if (layer.window) {
      const taps = this.taps(layer, unit), best = Math.max(...taps.map(tap => tap.x)), first = taps.findIndex(tap => tap.x === best);
      return taps.map((tap, j) => ({name: `(${tap.row}, ${tap.column})`, x: tap.x, won: layer.kind === "maxpool" && j === first}));
    }
    return null;
  }

  nameOf(layer, i) {
    return layer === this.trace.layers[0] ? this.trace.names[i] ?? `x${i + 1}` : say("unit_n", {n: i + 1});
  }

  errors(k, unit) {
    const next = this.trace.layers[k + 1];
    if (!next) return h("p", {}, say("error_of_loss"));
    if (next.kind !== "dense") return h("p", {}, say("error_of_next", {name: next.name}));
    const rows = next.u.map((_, m) => [this.trace.classes[m] && k + 2 === this.trace.layers.length ? this.trace.classes[m] : say("unit_n", {n: m + 1}), number(next.error[m]), number(next.slope[m]), number(next.parameters.weight.value[unit][m]), number(next.error[m] * next.slope[m] * next.parameters.weight.value[unit][m])]);
    return table(["", "ε", "σ′", "w", "ε σ′ w"], rows, say("errors_sum"));
  }
}

function extents(values) {
  return [values.length, values[0].length, values[0][0].length];
}

function places(values) {
  if (!Array.isArray(values[0])) return values.map((_, i) => [i]);
  return values.flatMap((row, i) => row.flatMap((column, j) => column.map((_, c) => [i, j, c])));
}
