// The network drawn: a column for each layer, in every unit the plane of what it gives, edges as thick as weights. Planes and edges are
// drawn on one canvas that lies under the units: a canvas for each of them takes a browser twice as long.
import {between, button, h, keepingFocus, number, paintPixels, say, select} from "/web/base.js";

const MOST_INPUTS = 8, MOST_LAYERS = 6, MOST_UNITS = 16;

export class Net {
  // changed(design => what is other in it): the reader wants another; picked([layer, unit] or null)
  constructor(activations, changed, picked) {
    Object.assign(this, {activations, changed, picked, unit: null, shape: ""});
    this.under = h("canvas", {className: "edges", "aria-hidden": "true"});
    this.planes = document.createElement("canvas"); // of all units, one under the other
    this.columns = h("div", {className: "columns"});
    this.element = h("div", {className: "net scroll", tabIndex: 0, role: "region", "aria-label": say("network")},
      h("div", {className: "net-inner"}, this.under, this.columns));
    new ResizeObserver(() => { this.places = null; this.draw(); }).observe(this.columns);
  }

  show(scene, design, frame) {
    Object.assign(this, {scene, design, frame});
    const shape = JSON.stringify([scene.columns, scene.classes, design.layers]);
    if (shape !== this.shape) { this.shape = shape; this.build(); }
    this.paint();
  }

  build() {
    const {scene, design} = this;
    this.units = [];
    const shown = scene.columns.slice(0, MOST_INPUTS), outputs = scene.classes.length ? scene.classes : [say("answer")];
    const inputs = h("div", {className: "column"}, h("div", {className: "column-head"}, h("strong", {}, say("inputs"))),
      shown.map(name => h("div", {className: "node input", title: name}, name)),
      scene.columns.length > MOST_INPUTS ? h("div", {className: "quiet"}, `… ${scene.columns.length}`) : null);
    const hidden = design.layers.map((layer, k) => this.column(layer, k));
    const last = h("div", {className: "column"}, h("div", {className: "column-head"}, h("strong", {}, say("outputs"))),
      outputs.map(name => h("div", {className: "node output", title: name}, name)));
    const more = h("div", {className: "column-add"}, button("+", () => this.addLayer(),
      {disabled: design.layers.length >= MOST_LAYERS, title: say("add_layer"), "aria-label": say("add_layer"), "data-focus": "add"}));
    keepingFocus([this.columns], () => this.columns.replaceChildren(inputs, ...hidden, more, last));
    this.places = null;
  }

  column(layer, k) {
    const names = {layer: k + 1}, change = more => this.alter(layer.key, more);
    const units = Array.from({length: layer.units}, (_, unit) => {
      const made = button("", () => this.pick([k, unit]), {className: "node unit", "aria-pressed": "false", "data-focus": `unit ${layer.key} ${unit}`,
        "aria-label": say("unit_label", {layer: k + 1, unit: unit + 1, activation: layer.own?.[unit] || layer.activation})});
      if (layer.own?.[unit]) made.classList.add("own");
      (this.units[k] ||= []).push(made);
      return made;
    });
    const focus = what => ({"data-focus": `${what} ${layer.key}`});
    return h("div", {className: "column"},
      h("div", {className: "column-head"},
        h("strong", {}, say("layer_n", names)),
        h("span", {className: "pair"},
          button("−", () => change(own => ({units: Math.max(1, own.units - 1)})), {disabled: layer.units <= 1, title: say("fewer_units", names), "aria-label": say("fewer_units", names), ...focus("fewer")}),
          h("span", {}, String(layer.units)),
          button("+", () => change(own => ({units: Math.min(MOST_UNITS, own.units + 1)})), {disabled: layer.units >= MOST_UNITS, title: say("more_units", names), "aria-label": say("more_units", names), ...focus("more")})),
        (() => {
          const made = select(this.activations.map(name => [name, name]), layer.activation, activation => change(() => ({activation, own: {}})));
          made.setAttribute("aria-label", say("activation_of_layer", names));
          made.dataset.focus = `activation ${layer.key}`;
          return made;
        })(),
        button("×", () => this.removeLayer(layer.key), {title: say("remove_layer", names), "aria-label": say("remove_layer", names), ...focus("remove")})),
      units);
  }

  // Of the layer of a key, where it is still there: more(layer), what is other in it.
  alter(key, more) {
    this.changed(({layers}) => layers.some(layer => layer.key === key)
      ? {layers: layers.map(layer => layer.key === key ? {...layer, ...more(layer)} : layer)} : null);
  }

  addLayer() {
    this.changed(({layers}) => layers.length >= MOST_LAYERS ? null
      : {layers: [...layers, {key: 1 + Math.max(0, ...layers.map(layer => layer.key)), units: 4, activation: layers.at(-1)?.activation || "tanh", own: {}}]});
  }

  removeLayer(key) {
    this.pick(null);
    this.changed(({layers}) => ({layers: layers.filter(layer => layer.key !== key)}));
  }

  pick(unit) {
    const same = unit && this.unit && unit[0] === this.unit[0] && unit[1] === this.unit[1];
    this.unit = same ? null : unit;
    this.paint();
    this.picked(this.unit);
  }

  // Of the unit that is picked: its own activation and numbers.
  about() {
    if (!this.unit || !this.frame) return null;
    const [k, unit] = this.unit, layer = this.design.layers[k], dense = this.frame.weights[k];
    if (!layer || unit >= layer.units || !dense || unit >= dense.columns) return null;
    const own = select(this.activations.map(name => [name, name]), layer.own?.[unit] || layer.activation,
      name => this.alter(layer.key, now => ({own: {...now.own, [unit]: name}})));
    const from = k ? index => say("unit_n", {n: index + 1}) : index => this.scene.columns[index];
    const weights = Array.from({length: dense.rows}, (_, row) => [from(row), number(dense.weight[row * dense.columns + unit], 3)]);
    return {own, weights: [[say("bias"), number(dense.bias[unit], 3)], ...weights]};
  }

  paint() {
    this.units?.forEach((column, k) => column.forEach((made, unit) =>
      made.setAttribute("aria-pressed", String(Boolean(this.unit && this.unit[0] === k && this.unit[1] === unit)))));
    this.draw();
  }

  // Where things are, from the corner of the columns; asked for once, as the browser has to lay out the page for that.
  measure() {
    const box = this.columns.getBoundingClientRect();
    if (!box.width) return null;
    const columns = [...this.columns.querySelectorAll(".column")].map(column => [...column.querySelectorAll(".node")].map(node => {
      const own = node.getBoundingClientRect(), border = node.clientLeft;
      return {left: own.left - box.left, right: own.right - box.left, y: (own.top + own.bottom) / 2 - box.top,
        inner: [own.left - box.left + border, own.top - box.top + border, node.clientWidth, node.clientHeight]};
    }));
    const {under} = this, scale = Math.min(2, window.devicePixelRatio || 1);
    under.width = Math.round(box.width * scale);
    under.height = Math.round(box.height * scale);
    under.style.width = `${box.width}px`;
    under.style.height = `${box.height}px`;
    return {columns, scale, width: box.width, height: box.height};
  }

  draw() {
    const {under, frame} = this;
    if (!frame?.weights.length) return;
    const places = this.places ||= this.measure();
    if (!places) return;
    const context = under.getContext("2d");
    context.setTransform(places.scale, 0, 0, places.scale, 0, 0);
    context.clearRect(0, 0, places.width, places.height);
    this.drawEdges(context, places.columns);
    const planes = frame.units.flat(), size = frame.coarse;
    if (!planes.length) return;
    paintPixels(this.planes, size, size * planes.length, (data, at, k) => between(data, at, planes[Math.floor(k / size ** 2)][k % size ** 2] / 255));
    let number = 0;
    frame.units.forEach((column, k) => column.forEach((_, unit) => {
      const node = places.columns[k + 1]?.[unit];
      if (node) context.drawImage(this.planes, 0, size * number, size, size, ...node.inner);
      number += 1;
    }));
  }

  drawEdges(context, nodes) {
    this.frame.weights.forEach(({rows, columns: wide, weight}, k) => {
      const most = Math.max(1e-6, ...weight.map(Math.abs)), from = nodes[k], to = nodes[k + 1];
      if (!from || !to) return;
      for (let i = 0; i < Math.min(rows, from.length); i++) for (let o = 0; o < Math.min(wide, to.length); o++) {
        const value = weight[i * wide + o], share = Math.abs(value) / most;
        const near = this.unit && ((this.unit[0] === k && this.unit[1] === o) || (this.unit[0] === k - 1 && this.unit[1] === i));
        context.strokeStyle = value < 0 ? "#D55E00" : "#0072B2";
        context.globalAlpha = (this.unit && !near ? 0.15 : 1) * (0.15 + 0.7 * share);
        context.lineWidth = 0.4 + 3.6 * share;
        context.beginPath();
        const middle = (from[i].right + to[o].left) / 2;
        context.moveTo(from[i].right, from[i].y);
        context.bezierCurveTo(middle, from[i].y, middle, to[o].y, to[o].left, to[o].y);
        context.stroke();
      }
    });
    context.globalAlpha = 1;
  }
}
