// The plane of the samples: what the network answers everywhere, or what one unit gives, with the samples on it.
import {BLUE, COLOURS, ORANGE, between, h, number, say} from "/web/base.js";
import {FINE} from "/web/live.js";

export function paintAnswer(canvas, frame) {
  canvas.width = canvas.height = FINE;
  const context = canvas.getContext("2d"), image = context.createImageData(FINE, FINE);
  for (let k = 0; k < FINE * FINE; k++) {
    if (frame.answer !== "classes") { between(image.data, 4 * k, frame.planes[0][k] / 255); continue; }
    const colour = parse(COLOURS[frame.planes[0][k] % COLOURS.length]), depth = 0.15 + 0.5 * frame.planes[1][k] / 255;
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = 255 - depth * (255 - colour[c]);
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function parse(colour) {
  return [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16));
}

// A mark of class k: shapes tell apart what colours do not.
export function mark(context, k, x, y, size, colour, full) {
  context.beginPath();
  const shape = k % 4;
  if (shape === 0) context.rect(x - size, y - size, 2 * size, 2 * size);
  else if (shape === 1) context.arc(x, y, 1.15 * size, 0, 7);
  else if (shape === 2) { context.moveTo(x, y - 1.4 * size); context.lineTo(x + 1.3 * size, y + size); context.lineTo(x - 1.3 * size, y + size); }
  else { context.moveTo(x, y - 1.5 * size); context.lineTo(x + 1.5 * size, y); context.lineTo(x, y + 1.5 * size); context.lineTo(x - 1.5 * size, y); }
  context.closePath();
  context.fillStyle = full ? colour : "#fff";
  context.strokeStyle = full ? "#fff" : colour;
  context.lineWidth = full ? 1 : 1.8;
  context.fill();
  context.stroke();
}

export class Plane {
  constructor() {
    this.canvas = h("canvas", {tabIndex: 0, role: "img", className: "plane", width: 640, height: 640});
    this.said = h("output", {className: "reading", "aria-live": "polite"});
    this.across = h("span", {className: "across"});
    this.up = h("span", {className: "up"});
    this.element = h("figure", {className: "plane-box"}, this.up, this.canvas, this.across, h("figcaption", {}, this.said));
    this.cursor = null;
    this.small = document.createElement("canvas");
    this.canvas.addEventListener("pointermove", event => {
      const box = this.canvas.getBoundingClientRect();
      this.point([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
    });
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("keydown", event => {
      const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (event.key === "Escape") return this.point(null);
      if (!way) return undefined;
      event.preventDefault();
      const from = this.cursor || [0.5, 0.5], step = event.shiftKey ? 0.1 : 0.02;
      return this.point(from.map((value, k) => Math.min(0.995, Math.max(0.005, value + step * way[k]))));
    });
  }

  point(cursor) {
    this.cursor = cursor;
    this.draw();
  }

  // scene: its samples; frame: the line; unit: null, or [layer, unit] to show in place of the answer.
  show(scene, frame, unit, tests) {
    Object.assign(this, {scene, frame, unit, tests});
    this.across.textContent = scene.axes[0];
    this.up.textContent = scene.axes[1];
    const [left, right, bottom, top] = scene.window.map(value => number(value, 2));
    this.canvas.setAttribute("aria-label", say("plane_label", {x: scene.axes[0], y: scene.axes[1], left, right, bottom, top, n: scene.places.length}));
    this.draw();
  }

  draw() {
    if (!this.frame) return;
    const {canvas, scene, frame, small} = this, context = canvas.getContext("2d"), size = canvas.width;
    const shown = this.unit && frame.units[this.unit[0]]?.[this.unit[1]];
    if (shown) {
      small.width = small.height = 50;
      const inner = small.getContext("2d"), image = inner.createImageData(50, 50);
      for (let k = 0; k < 2500; k++) between(image.data, 4 * k, shown[k] / 255);
      inner.putImageData(image, 0, 0);
    } else paintAnswer(small, frame);
    context.imageSmoothingEnabled = frame.answer !== "classes" || Boolean(shown);
    context.drawImage(small, 0, 0, size, size);
    const [left, right, bottom, top] = scene.window, test = this.testSet(scene);
    const much = scene.places.length > 700 ? 5 : 7, low = Math.min(...scene.values), high = Math.max(...scene.values);
    scene.places.forEach(([x, y], k) => {
      if (test.has(k) && !this.tests) return;
      const value = scene.values[k], across = (x - left) / (right - left) * size, down = (top - y) / (top - bottom) * size;
      if (scene.classes.length) mark(context, value, across, down, much, COLOURS[value % COLOURS.length], !test.has(k));
      else mark(context, 1, across, down, much, shade((value - low) / (high - low || 1)), !test.has(k));
    });
    this.tellCursor(context, size, shown);
  }

  testSet(scene) {
    if (this.known !== scene) { this.known = scene; this.tested = new Set(scene.test); }
    return this.tested;
  }

  tellCursor(context, size, shown) {
    if (!this.cursor) { this.said.textContent = ""; return; }
    const [x, y] = this.cursor, {scene, frame} = this, [left, right, bottom, top] = scene.window;
    context.strokeStyle = "#000";
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x * size - 14, y * size); context.lineTo(x * size + 14, y * size);
    context.moveTo(x * size, y * size - 14); context.lineTo(x * size, y * size + 14);
    context.stroke();
    const at = n => Math.min(n - 1, Math.floor(y * n)) * n + Math.min(n - 1, Math.floor(x * n));
    let what;
    if (shown) what = number((shown[at(50)] - 128) / 127 * frame.layers[this.unit[0]].scales[this.unit[1]], 2);
    else if (frame.answer === "classes") what = `${scene.classes[frame.planes[0][at(FINE)]]} (${Math.round(frame.planes[1][at(FINE)] / 2.55)} %)`;
    else if (frame.answer === "two") what = `${scene.classes[1]}: ${Math.round(frame.planes[0][at(FINE)] / 2.55)} %`;
    else what = number(Math.min(...scene.values) + frame.planes[0][at(FINE)] / 255 * (Math.max(...scene.values) - Math.min(...scene.values)), 2);
    this.said.textContent = `${scene.axes[0]} = ${number(left + x * (right - left), 2)}, ${scene.axes[1]} = ${number(top - y * (top - bottom), 2)} → ${what}`;
  }
}

function shade(share) {
  const end = share < 0.5 ? ORANGE : BLUE, depth = 0.25 + 0.75 * Math.abs(share - 0.5) * 2;
  return `rgb(${end.map(c => Math.round(255 - depth * (255 - c))).join(" ")})`;
}

// What the marks mean.
export function legend(scene) {
  return h("ul", {className: "legend"}, scene.classes.map((name, k) => {
    const canvas = h("canvas", {width: 24, height: 24, "aria-hidden": "true"});
    mark(canvas.getContext("2d"), k, 12, 12, 7, COLOURS[k % COLOURS.length], true);
    return h("li", {}, canvas, name);
  }), scene.classes.length ? null : h("li", {}, say("number_legend")), h("li", {className: "quiet"}, say("test_legend")));
}
