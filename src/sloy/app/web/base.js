// What all pages use: elements, texts in two languages, questions to the server, numbers, pictures of bytes.
import {TEXTS} from "/web/texts.js";

export const BLUE = [0, 114, 178], ORANGE = [213, 94, 0];
export const COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288", "#999933", "#666666"];

let language = localStorage.getItem("sloy-language") || (navigator.language.startsWith("ru") ? "ru" : "en");

export function spoken() {
  return language;
}

export function speak(name) {
  language = name;
  localStorage.setItem("sloy-language", name);
  document.documentElement.lang = name;
}

// The text of a key, with {fields}.
export function say(key, fields = {}) {
  const text = TEXTS[key]?.[language === "ru" ? 1 : 0] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => fields[name] ?? "");
}

// An element: properties, "on…" listeners, data-… and aria-… attributes, children.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat(9).filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat());
  return element;
}

let fieldNumber = 0;

// A label and its control.
export function labelled(text, control, more = "") {
  control.id ||= `field-${++fieldNumber}`;
  return h("div", {className: `field ${more}`}, h("label", {for: control.id}, text), control);
}

export function select(options, value, onchange) {
  const made = h("select", {onchange: () => onchange(made.value)},
    options.map(([key, text]) => h("option", {value: key, selected: String(key) === String(value)}, text)));
  return made;
}

export function button(text, onclick, properties = {}) {
  return h("button", {type: "button", onclick, ...properties}, text);
}

// Something for all to hear: what went wrong, what is done.
export function tell(text, bad = false) {
  const place = document.getElementById("told");
  place.textContent = text;
  place.classList.toggle("bad", bad);
  clearTimeout(tell.timer);
  if (text && !bad) tell.timer = setTimeout(() => { place.textContent = ""; }, 6000);
}

async function answered(response) {
  const found = (response.headers.get("content-type") || "").includes("json") ? await response.json() : {error: await response.text()};
  if (!response.ok) throw new Error(found.error || response.statusText);
  return found;
}

// What the server answers to an action; a refusal is told, and thrown.
export async function ask(name, given = {}) {
  try {
    return await answered(await fetch(`/api/do/${name}`, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(given)}));
  } catch (error) {
    tell(error.message, true);
    throw error;
  }
}

export async function upload(kind, name, file) {
  try {
    return await answered(await fetch(`/api/upload/${kind}`, {
      method: "POST", headers: {"Content-Type": "application/octet-stream", "X-Name": encodeURIComponent(name)}, body: file}));
  } catch (error) {
    tell(error.message, true);
    throw error;
  }
}

// Do something to parts of the page; the focus stays on the same thing where it is made anew, else within the parts.
export function keepingFocus(parts, change) {
  const back = focusIn(parts);
  change();
  back();
}

function focusIn(parts) {
  const element = document.activeElement, within = parts.find(part => part.contains(element));
  if (!within) return () => {};
  const {id, dataset: {unit, focus}} = element;
  const same = id ? `[id="${id}"]` : unit ? `[data-unit="${unit}"]` : focus ? `[data-focus="${focus}"]` : null;
  return () => {
    if (document.activeElement && document.activeElement !== document.body) return; // it was moved on
    const found = element.isConnected ? element : (same && within.querySelector(same)) || within.querySelector("button, input, select, summary, [tabindex]");
    found?.focus({preventScroll: true});
  };
}

// Parts of the page that show the answer to what was asked for them last: answers to earlier questions are dropped. Until it
// comes, what still stands there, made of another answer, cannot be used. One question is under way at a time; of those that
// wait for it the last is asked. What stands `above` is what they are a part of: an answer for another one is dropped as well.
export class Shown {
  constructor(parts, above = null) {
    Object.assign(this, {parts, above, asked: 0, shown: 0, last: Promise.resolve(), back: null});
  }

  get seen() { return `${this.above?.seen ?? ""}/${this.shown}`; }

  // show(answer) where nothing else was asked meanwhile, failed() where the question was refused; with `still` what stands
  // there stays in use: it is made of the same answer.
  ask(question, show, {failed = () => {}, still = false} = {}) {
    const mine = ++this.asked, above = this.above?.seen, counts = () => mine === this.asked && above === this.above?.seen;
    if (!still) this.wait();
    this.last = this.last.catch(() => {}).then(async () => {
      if (!counts()) return;
      let answer, refused = false;
      try { answer = await question(); } catch { refused = true; } // it was told
      if (mine === this.asked) this.free();
      if (!counts()) return;
      this.shown += 1;
      keepingFocus(this.parts, () => refused ? failed() : show(answer));
      if (mine === this.asked) this.refocus();
    }).finally(() => { if (mine === this.asked) { this.free(); this.refocus(); } });
    return this.last;
  }

  // What was asked is wanted no more.
  drop() {
    this.asked += 1;
    this.free();
    this.refocus();
  }

  wait() {
    this.back ??= focusIn(this.parts);
    for (const part of this.parts) { part.inert = true; part.setAttribute("aria-busy", "true"); }
  }

  free() {
    for (const part of this.parts) { part.inert = false; part.removeAttribute("aria-busy"); }
  }

  refocus() {
    this.back?.();
    this.back = null;
  }
}

// Do something that takes long: the button waits, and says so.
export async function working(made, task) {
  const text = made.textContent;
  made.setAttribute("aria-disabled", "true");
  made.disabled = true;
  made.textContent = say("working");
  const far = setInterval(async () => {
    const {what, done, total} = await ask("progress").catch(() => ({}));
    if (what && made.disabled) made.textContent = `${say("working")} ${what} ${total > 1 ? `${count(done)} / ${count(total)}` : ""}`;
  }, 700);
  try {
    return await task();
  } catch {
    return undefined; // it was told
  } finally {
    clearInterval(far);
    made.disabled = false;
    made.removeAttribute("aria-disabled");
    made.textContent = text;
  }
}

export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(Math.min(2, digits - 1)).replaceAll("-", "−");
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

export function count(value) {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function table(head, rows, caption, words = false) {
  return h("div", {className: "scroll", tabIndex: 0, role: "region", "aria-label": caption},
    h("table", {className: words ? "words" : ""}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, head.map(cell => cell === "" ? h("td") : h("th", {scope: "col"}, cell)))),
      h("tbody", {}, rows.map(row => h("tr", {}, row.map((cell, k) => k || cell === "" ? h("td", {}, cell) : h("th", {scope: "row"}, cell)))))));
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
}

// A colour between orange (0), white (½) and blue (1), into data at a place.
export function between(data, at, share) {
  const end = share < 0.5 ? ORANGE : BLUE, depth = 0.75 * Math.abs(share - 0.5) * 2;
  for (let c = 0; c < 3; c++) data[at + c] = 255 - depth * (255 - end[c]);
  data[at + 3] = 255;
}

// So many pixels onto a canvas of that many: colour(data, place, number of the pixel). A new size would clear it, which takes longer.
export function paintPixels(canvas, width, height, colour) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let k = 0; k < width * height; k++) colour(image.data, 4 * k, k);
  context.putImageData(image, 0, 0);
}

// Bytes (height, width), 0 orange, 128 white, 255 blue.
export function paintSigned(canvas, bytes, width, height, first = 0) {
  paintPixels(canvas, width, height, (data, at, k) => between(data, at, bytes[first + k] / 255));
}

// A picture {extents: [H, W, C], pixels} onto a canvas.
export function paintPicture(canvas, picture) {
  const [height, width, channels] = picture.extents, bytes = bytesOf(picture.pixels);
  paintPixels(canvas, width, height, (data, at, k) => {
    for (let c = 0; c < 3; c++) data[at + c] = bytes[k * channels + (channels === 3 ? c : 0)];
    data[at + 3] = 255;
  });
}
