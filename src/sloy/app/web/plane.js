// The plane of the samples: what the network answers everywhere, or what one unit gives, with the samples on it.
import {BLUE, COLOURS, ORANGE, h, number, paintPixels, paintSigned, say} from "/web/base.js";

const CHANNELS = COLOURS.map(colour => [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16)));

export function paintAnswer(canvas, frame) {
  const [first, sure] = frame.planes;
  if (frame.answer !== "classes") return paintSigned(canvas, first, frame.fine, frame.fine);
  return paintPixels(canvas, frame.fine, frame.fine, (data, at, k) => {
    const colour = CHANNELS[first[k] % COLOURS.length], depth = 0.15 + 0.5 * sure[k] / 255;
    for (let c = 0; c < 3; c++) data[at + c] = 255 - depth * (255 - colour[c]);
    data[at + 3] = 255;
  });
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

// What moves lies under what does not: the answer on a canvas of its few points, which is stretched; on it the samples, which are
// drawn once; the cross of the cursor. To draw all of it anew for each picture took three times as long.
export class Plane {
  constructor() {
    this.under = h("canvas", {"aria-hidden": "true"});
    this.canvas = h("canvas", {tabIndex: 0, role: "img", className: "plane"});
    new ResizeObserver(() => this.drawSamples()).observe(this.canvas);
    this.cross = h("div", {className: "cross", hidden: true});
    this.said = h("output", {className: "reading", "aria-live": "polite"});
    this.across = h("span", {className: "across"});
    this.up = h("span", {className: "up"});
    this.element = h("figure", {className: "plane-box"}, this.up, h("div", {className: "plane-stack"}, this.under, this.canvas, this.cross), this.across, h("figcaption", {}, this.said));
    this.cursor = null;
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
    this.tellCursor();
  }

  // scene: its samples; frame: the line; unit: null, or [layer, unit] to show in place of the answer; tests: whether test samples are seen.
  show(scene, frame, unit, tests) {
    const other = scene !== this.scene, marks = other || tests !== this.tests;
    Object.assign(this, {scene, frame, unit, tests});
    if (other) this.tellScene();
    if (marks) this.drawSamples();
    const shown = this.shownUnit;
    if (shown) paintSigned(this.under, shown, frame.coarse, frame.coarse);
    else paintAnswer(this.under, frame);
    this.under.classList.toggle("grid-canvas", !shown && frame.answer === "classes");
    if (this.cursor) this.tellCursor();
  }

  get shownUnit() { return this.unit && this.frame.units[this.unit[0]]?.[this.unit[1]]; }

  tellScene() {
    const {scene} = this, [left, right, bottom, top] = scene.window.map(value => number(value, 2));
    [this.across.textContent, this.up.textContent] = scene.axes;
    this.canvas.setAttribute("aria-label", say("plane_label", {x: scene.axes[0], y: scene.axes[1], left, right, bottom, top, n: scene.places.length}));
  }

  drawSamples() {
    const {canvas, scene} = this, size = Math.round(canvas.clientWidth * Math.min(2, window.devicePixelRatio || 1));
    if (!scene || !size) return;
    canvas.width = canvas.height = size; // of the screen's pixels, or each picture would scale it; and empty
    const context = canvas.getContext("2d"), test = new Set(scene.test);
    const [left, right, bottom, top] = scene.window;
    const much = (scene.places.length > 700 ? 5 : 7) * size / 640, low = Math.min(...scene.values), high = Math.max(...scene.values);
    scene.places.forEach(([x, y], k) => {
      if (test.has(k) && !this.tests) return;
      const value = scene.values[k], across = (x - left) / (right - left) * size, down = (top - y) / (top - bottom) * size;
      if (scene.classes.length) mark(context, value, across, down, much, COLOURS[value % COLOURS.length], !test.has(k));
      else mark(context, 1, across, down, much, shade((value - low) / (high - low || 1)), !test.has(k));
    });
  }

  tellCursor() {
    this.cross.hidden = !this.cursor;
    if (!this.cursor || !this.frame) { this.said.textContent = ""; return; }
    const [x, y] = this.cursor, {scene, frame} = this, [left, right, bottom, top] = scene.window, shown = this.shownUnit;
    this.cross.style.left = `${100 * x}%`;
    this.cross.style.top = `${100 * y}%`;
    const at = n => Math.min(n - 1, Math.floor(y * n)) * n + Math.min(n - 1, Math.floor(x * n));
    let what;
    if (shown) what = number((shown[at(frame.coarse)] - 128) / 127 * frame.layers[this.unit[0]].scales[this.unit[1]], 2);
    else if (frame.answer === "classes") what = `${scene.classes[frame.planes[0][at(frame.fine)]]} (${Math.round(frame.planes[1][at(frame.fine)] / 2.55)} %)`;
    else if (frame.answer === "two") what = `${scene.classes[1]}: ${Math.round(frame.planes[0][at(frame.fine)] / 2.55)} %`;
    else what = number(Math.min(...scene.values) + frame.planes[0][at(frame.fine)] / 255 * (Math.max(...scene.values) - Math.min(...scene.values)), 2);
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
