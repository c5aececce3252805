"use strict";
// What all pages share: making elements, writing numbers, sliders, choices, tables.

const BLUE = "#0072b2",
  ORANGE = "#d55e00",
  GREY = "#666666";
const CLASS_COLOURS = [ORANGE, BLUE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#332288", "#f0e442", GREY];
const classColour = (number) => CLASS_COLOURS[number % CLASS_COLOURS.length]; // as sloy.inspection.plane.look
const told = JSON.parse(document.getElementById("told").textContent); // {row, texts, start}, from Python

/** A text of the page in its language, with values in its fields: say("score", {right: 3, total: 4}). */
function say(key, values = {}) {
  return told.texts[key].replace(/\{(\w+)\}/g, (field, name) => (name in values ? values[name] : field));
}

function make(namespace, tag, attributes, children) {
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}
const html = (tag, attributes = {}, ...children) =>
  make("http://www.w3.org/1999/xhtml", tag, attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  make("http://www.w3.org/2000/svg", tag, attributes, children);

/** A number as a reader writes it: so many digits, a true minus sign. */
function written(value, digits = 4) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const large = Math.abs(value) >= 1e6,
    small = value !== 0 && Math.abs(value) < 1e-4;
  const whole = Number.isInteger(value) && !large;
  const text =
    large || small ? value.toExponential(2) : String(whole ? value : Number(value.toPrecision(digits)));
  return (text === "-0" ? "0" : text).replace(/-/g, "−");
}

/** A factor or a summand behind a sign: negative numbers in brackets. */
const bracketed = (value, digits) => (value < 0 ? `(${written(value, digits)})` : written(value, digits));

/** Put a number into an element: written for readers, and whole in data-value. */
function show(element, value, digits) {
  element.textContent = written(value, digits);
  element.dataset.value = String(value);
}

let made = 0;
const fresh = (name) => `${name}-${++made}`;

/** A slider with a field for its number beside it; `value` reads, `set` writes without telling. */
function slider({ label, name = label, value, low, high, step = 0.05, changed, key = label }) {
  const id = fresh("slider");
  const range = html("input", {
    type: "range",
    id,
    min: low,
    max: high,
    step,
    "aria-label": name,
    "data-name": key,
  });
  const field = html("input", {
    type: "number",
    step: "any",
    "aria-label": `${name}, ${say("number")}`,
    "data-name": `${key} number`,
  });
  const widget = {
    value,
    element: html("div", { class: "slider" }, html("label", { for: id }, label), range, field),
    set(next, typing = false) {
      widget.value = next;
      range.value = next;
      range.setAttribute("aria-valuetext", written(next));
      if (!typing) field.value = Number(next.toPrecision(12));
    },
  };
  range.addEventListener("input", () => {
    widget.set(Number(range.value));
    changed(widget.value);
  });
  field.addEventListener("input", () => {
    if (field.value === "" || !Number.isFinite(field.valueAsNumber)) return;
    const [least, most] = low < 0 ? [-1000, 1000] : [low, Number(range.max)]; // weights may go beyond the slider
    const next = Math.min(most, Math.max(least, field.valueAsNumber));
    widget.set(next, true);
    changed(next);
  });
  field.addEventListener("blur", () => widget.set(widget.value));
  widget.set(value);
  return widget;
}

/** Sliders for several weights under one heading. */
function sliders(title, list) {
  return html("fieldset", { class: "sliders" }, html("legend", {}, title), ...list.map((one) => one.element));
}

/** Radio buttons: one of {key: text}. */
function choice({ label, options, value, changed }) {
  const group = fresh("choice");
  const inputs = Object.entries(options).map(([key, text]) => {
    const input = html("input", {
      type: "radio",
      name: group,
      value: key,
      onchange: () => {
        widget.value = key;
        changed(key);
      },
    });
    return [key, input, html("label", {}, input, text)];
  });
  const widget = {
    value,
    element: html("fieldset", { class: "group" }, html("legend", {}, label), ...inputs.map((one) => one[2])),
    set(next) {
      widget.value = next;
      for (const [key, input] of inputs) input.checked = key === next;
    },
  };
  widget.set(value);
  return widget;
}

/** A drop-down list: one of {key: text}. */
function dropdown({ label, options, value, changed }) {
  const id = fresh("list");
  const select = html(
    "select",
    { id, onchange: () => changed(select.value) },
    ...Object.entries(options).map(([key, text]) => html("option", { value: key }, text)),
  );
  select.value = value;
  return { select, element: html("div", { class: "field" }, html("label", { for: id }, label), select) };
}

const button = (text, pressed, more = {}) =>
  html("button", { type: "button", onclick: pressed, ...more }, text);

/** Buttons in a row, named together. */
const buttons = (label, list) => html("div", { class: "group", role: "group", "aria-label": label }, ...list);

/** A line that is read out when it changes. */
const live = (more = "") => html("p", { class: `says ${more}`, "aria-live": "polite" });

/** Fill a table's body: cells are texts, numbers or elements. */
function fillTable(body, rows) {
  body.replaceChildren(
    ...rows.map((row) =>
      html(
        "tr",
        {},
        ...row.map((cell, column) =>
          html(
            column ? "td" : "th",
            column ? {} : { scope: "row" },
            typeof cell === "number" ? written(cell) : cell,
          ),
        ),
      ),
    ),
  );
}
function table(caption, heads) {
  const body = html("tbody");
  const head = html("tr", {}, ...heads.map((name) => html("th", { scope: "col" }, name)));
  const element = html(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: 0 },
    html("table", {}, html("caption", {}, caption), html("thead", {}, head), body),
  );
  return { element, body };
}
const mark = (right) =>
  html("span", { class: right ? "right" : "wrong" }, right ? `✓ ${say("yes")}` : `✗ ${say("no")}`);

const panel = (...children) => html("section", { class: "panel" }, ...children.filter(Boolean));
const work = (kind, ...panels) =>
  document.getElementById("main").replaceChildren(html("div", { class: `work ${kind}` }, ...panels));
const hint = (key) => html("p", { class: "hint" }, say(key));
const subscript = (number) => [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
