// By hand, of a network of any size: of each layer the units that give most, and of one unit what it is made of, with the numbers on the edges.
import {ask, button, h, labelled, number, say, svg, table} from "/web/base.js";

const EDGES = 10, ROW = 46, WIDE = 620;

export class PickedUnit {
  // of: the question that the trace answers; before: what was shown of another
  constructor(of, trace, before) {
    Object.assign(this, {of, trace, open: before?.open ?? new Set([0])}); // open: the layers whose units are listed
    const [layer, unit] = before?.picked ?? [0, trace.layers[0].units[0].unit], there = trace.layers[layer];
    this.picked = this.wanted = there && unit < there.shape.reduce((a, b) => a * b, 1) ? [layer, unit] : [0, trace.layers[0].units[0].unit];
  }

  numbersOf([layer, unit]) {
    return ask("hand_unit", {...this.of, layer, unit});
  }

  pick(page, layer, unit) {
    this.wanted = [layer, unit];
    return page.shown.ask(() => this.numbersOf([layer, unit]), found => {
      Object.assign(this, {picked: [layer, unit], unit: found});
      this.open.add(layer);
      page.show();
    }, {failed: () => { this.wanted = this.picked; }, still: true});
  }

  // On to the next of the units that are told, forward from layer to layer, the errors back.
  walk(page, by, phases) {
    const all = phases.flatMap(phase => {
      const units = this.trace.layers.flatMap((layer, k) => layer.units.map(one => [phase, k, one.unit]));
      return phase === "forward" ? units : units.reverse();
    });
    const now = all.findIndex(([phase, layer, unit]) => phase === page.phase && layer === this.wanted[0] && unit === this.wanted[1]);
    const [phase, layer, unit] = all[Math.min(all.length - 1, Math.max(0, now + by))];
    page.phase = phase;
    return this.pick(page, layer, unit);
  }

  named(layer, place) {
    if (layer < 0) return this.trace.names[place[0]] ?? (place.length > 1 ? `(${place.join(", ")})` : `x${place[0] + 1}`);
    if (layer === this.trace.layers.length - 1 && this.trace.classes[place[0]]) return this.trace.classes[place[0]];
    return place.length > 1 ? `(${place.join(", ")})` : say("unit_n", {n: place[0] + 1});
  }

  place(layer, unit) {
    const shape = this.trace.layers[layer].shape, found = [];
    for (const extent of [...shape].reverse()) { found.unshift(unit % extent); unit = Math.floor(unit / extent); }
    return found;
  }

  element(page) {
    const {trace, unit} = this, [layer] = this.picked, own = trace.layers[layer];
    const lists = trace.layers.map((one, k) => h("details", {open: this.open.has(k), className: "layer-list", ontoggle: event => { this.open[event.target.open ? "add" : "delete"](k); }}, h("summary", {}, `${one.name}: ${k === trace.layers.length - 1 ? say("outputs") : one.title}, ${one.shape.join(" × ")}`),
      h("div", {className: "things"}, one.units.map(({unit: i, u, error}) => button(`${this.named(k, this.place(k, i))}: ${number(page.phase === "forward" ? u : error, 3)}`, () => this.pick(page, k, i),
        {"data-unit": `${k} ${i}`, "aria-pressed": String(k === layer && i === this.picked[1])})))));
    const which = h("input", {type: "number", min: 0, max: own.shape.reduce((a, b) => a * b, 1) - 1, value: this.picked[1], id: "hand-number", onchange: () => this.pick(page, layer, Math.min(Number(which.max), Math.max(0, Math.round(Number(which.value)))))});
    return h("div", {className: "stack hand"},
      h("section", {className: "layer-lists"}, h("h2", {}, say("layers")), h("p", {className: "quiet"}, say("largest_units")), lists, labelled(say("unit_of", {layer: own.name}), which)),
      h("section", {"aria-live": "polite", id: "hand-unit"}, h("h2", {}, `${own.name}, ${this.named(layer, unit.place)}`), this.numbers(), h("div", {className: "scroll", tabIndex: 0, role: "region", "aria-label": say("network")}, this.drawing(page)), this.tables(page)));
  }

  numbers() {
    const {unit} = this, values = [["u", unit.u], ["ε = ∂L/∂u", unit.error], ["σ′", unit.slope], ["ε σ′ = ∂L/∂z", unit.error * unit.slope]];
    if (unit.z !== undefined) values.unshift(["z", unit.z]);
    return h("dl", {}, values.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {"data-name": name, "data-value": String(value)}, number(value, 5))]));
  }

  // The unit between what it is made of and what it goes into; the largest of them.
  drawing(page) {
    const {unit} = this, [layer] = this.picked, most = parts => [...parts].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, EDGES);
    const left = most(unit.parts), right = most(unit.outs), tall = Math.max(left.length, right.length, 1), middle = 26 + ROW * (tall - 1) / 2, back = page.phase === "backward";
    const drawn = svg("svg", {class: "hand-svg", width: WIDE, height: ROW * tall + 16, role: "img", "aria-label": say("unit_drawn", {parts: left.length, outs: right.length})});
    const labels = [], side = (parts, x, centre, text, shown, name, strong) => parts.forEach((part, k) => {
      const y = 26 + ROW * (k + (tall - parts.length) / 2), largest = Math.max(1e-12, ...parts.map(one => Math.abs(one.product)));
      drawn.append(svg("line", {x1: x, y1: y, x2: centre, y2: middle, stroke: part.product < 0 ? "#D55E00" : "#0072B2", "stroke-width": 0.6 + 3 * Math.abs(part.product) / largest, opacity: strong ? 1 : 0.35}));
      if (text(part)) labels.push(svg("text", {x: x + 0.3 * (centre - x), y: y + 0.3 * (middle - y) + 4, class: "label", "text-anchor": "middle"}, text(part)));
      labels.push(svg("circle", {cx: x, cy: y, r: 21}), svg("text", {x, y: y + 4, "text-anchor": "middle"}, number(shown(part), 2)), svg("text", {x: x < centre ? x - 26 : x + 26, y: y + 4, "text-anchor": x < centre ? "end" : "start"}, name(part)));
    });
    side(left, 150, WIDE / 2, part => part.w === undefined ? (part.won ? say("winner_short") : "") : number(page.phase === "update" ? part.new : part.w, 3), part => part.x, part => String(this.named(layer - 1, part.place)).slice(0, 16), !back);
    side(right, WIDE - 150, WIDE / 2, part => number(part.w, 3), part => part.error, part => String(this.named(layer + 1, part.place)).slice(0, 16), back);
    drawn.append(...labels, svg("g", {class: "picked"}, svg("circle", {cx: WIDE / 2, cy: middle, r: 26}), svg("text", {x: WIDE / 2, y: middle + 4, "text-anchor": "middle"}, number(back ? unit.error : unit.u, 3))));
    return drawn;
  }

  tables(page) {
    const {unit, trace} = this, [layer] = this.picked, rest = ({count, sum}, columns) => count ? [[say("others", {count}), ...Array(columns - 2).fill(""), number(sum)]] : [];
    if (page.phase === "backward") {
      if (!unit.outs.length) return h("p", {}, unit.through ? say("error_of_next", {name: unit.through}) : say("error_of_loss"));
      return table(["", "ε", "σ′", "w", "ε σ′ w"], [...unit.outs.map(one => [this.named(layer + 1, one.place), number(one.error), number(one.slope), number(one.w), number(one.product)]), ...rest(unit.outs_rest, 5)], say("errors_sum"));
    }
    if (!unit.parts.length) return h("p", {}, say("made_by_layer", {name: trace.layers[layer].title}));
    if (unit.parts[0].w === undefined) return table(["", "x", ""], unit.parts.map(one => [this.named(layer - 1, one.place), number(one.x), one.won ? say("winner") : ""]), say("products"));
    if (page.phase === "update") {
      const rows = unit.parts.map(one => [this.named(layer - 1, one.place), number(one.w), number(one.gradient), number(one.new)]);
      if (unit.bias) rows.unshift([say("bias"), ...unit.bias.map(value => number(value))]);
      return table(["", "w", "∂L/∂w", `w − ${number(trace.learning_rate)} ∂L/∂w`], rows, say("weights_step"));
    }
    const rows = unit.parts.map(one => [this.named(layer - 1, one.place), number(one.x), number(one.w), number(one.product)]);
    if (unit.bias) rows.push([say("bias"), "1", number(unit.bias[0]), number(unit.bias[0])]);
    return [table(["", "x", "w", "x · w"], [...rows, ...rest(unit.rest, 4)], say("products")), h("p", {}, `z = ${number(unit.z, 5)}, u = ${unit.activation ? `${unit.activation}(z)` : "z"} = ${number(unit.u, 5)}`)];
  }
}
