// Look: what a network of pictures makes of one, layer by layer, and why it answers so.
import {Shown, ask, bytesOf, button, count, h, keepingFocus, labelled, number, paintPicture, paintSigned, say, select, tell, upload, working} from "/web/base.js";

export class LookPage {
  constructor(app) {
    this.app = app;
    this.models = h("div", {className: "bar"});
    this.body = h("div");
    this.inModel = new Shown([this.body]);
    this.element = h("div", {}, h("h1", {}, say("look")), h("p", {className: "lead"}, say("look_lead")), this.models, this.body);
    this.list();
  }

  list() {
    return this.inModel.ask(() => ask("models"), models => {
      const train = button(say("train_small"), async () => {
        const made = await working(train, () => ask("train_small"));
        if (made) { this.app.looked = made.id; await this.list(); }
      }, {id: "train-small"});
      const wanted = models.find(model => model.id === this.app.looked) || models.find(model => model.id === this.app.start.opened) || models[0];
      const chosen = wanted && labelled(say("model"), select(models.map(model => [model.id, model.name]), wanted.id, id => this.open(id)), "inline");
      keepingFocus([this.models], () => this.models.replaceChildren(chosen ?? h("p", {}, say("no_models")), ...(models.some(model => model.id === "small") ? [] : [train])));
      if (wanted) this.open(wanted.id);
    });
  }

  open(id) {
    this.app.looked = id;
    return this.inModel.ask(() => ask("model", {id}), model => this.show(model), {failed: () => this.body.replaceChildren()});
  }

  show(model) {
    this.model = model;
    this.picture = h("canvas", {className: "picture", role: "img", "aria-label": say("picture")});
    this.over = h("canvas", {className: "over", "aria-hidden": "true"});
    this.answers = h("div", {className: "bars", "aria-live": "polite", id: "answers"});
    this.whatFor = h("p", {id: "label"});
    this.why = h("div", {className: "bar"});
    this.layers = h("div", {className: "bar"});
    this.maps = h("div", {className: "maps"});
    this.unit = h("div", {"aria-live": "polite"});
    const below = h("section", {}, h("h2", {}, say("layers")), this.layers, h("p", {className: "quiet"}, say("maps_hint")), this.maps, this.unit);
    this.inPicture = new Shown([this.whatFor, this.why, this.answers, below], this.inModel);
    this.inHeat = new Shown([], this.inPicture);
    this.inMaps = new Shown([this.maps, this.unit], this.inPicture);
    this.inUnit = new Shown([this.unit], this.inMaps);
    const number_ = h("input", {type: "number", min: 0, max: model.pictures - 1, value: 0, id: "sample", onchange: () => this.sample(Number(number_.value))});
    const step = by => { number_.value = Math.min(model.pictures - 1, Math.max(0, Number(number_.value) + by)); this.sample(Number(number_.value)); };
    const file = h("input", {type: "file", accept: "image/*", id: "own-picture", onchange: () => this.own(file.files[0])});
    const samples = model.pictures ? h("div", {className: "bar"}, labelled(say("test_sample"), number_), button("‹", () => step(-1), {"aria-label": say("previous")}), button("›", () => step(1), {"aria-label": say("next"), id: "next-sample"})) : null;
    this.body.replaceChildren(
      h("div", {className: "stack"},
        h("section", {}, h("h2", {}, say("picture")), samples, h("div", {className: "bar"}, labelled(say("own_picture"), file)),
          h("div", {className: "shown"}, this.picture, this.over), this.whatFor, this.why),
        this.sheet(), h("section", {}, h("h2", {}, say("answers")), this.answers)),
      below,
      h("details", {}, h("summary", {}, say("network")), h("pre", {tabIndex: 0}, model.network)));
    if (model.pictures) this.sample(0);
  }

  // A sheet to draw on, with ink for the mouse, the finger or the pen.
  sheet() {
    const {model, inPicture} = this, [height, width, channels] = model.shape;
    if (channels !== 1 || height > 64 || width > 64) return null;
    const canvas = h("canvas", {className: "sheet", width: 280, height: 280, role: "img", "aria-label": say("sheet")}), context = canvas.getContext("2d", {willReadFrequently: true});
    const clear = () => { context.fillStyle = "#fff"; context.fillRect(0, 0, 280, 280); this.inked = false; };
    clear();
    let last = null, waiting = 0;
    const place = event => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width * 280, (event.clientY - box.top) / box.height * 280]; };
    const send = () => {
      waiting = 0;
      const pixels = context.getImageData(0, 0, 280, 280).data, ink = new Uint8Array(280 * 280);
      for (let k = 0; k < ink.length; k++) ink[k] = 255 - pixels[4 * k];
      let text = "";
      for (let k = 0; k < ink.length; k += 8000) text += String.fromCharCode(...ink.subarray(k, k + 8000));
      inPicture.ask(() => ask("drawn", {id: model.id, side: 280, pixels: btoa(text)}), found => this.seen(found));
    };
    canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); last = place(event); });
    canvas.addEventListener("pointermove", event => {
      if (!last) return;
      const now = place(event);
      Object.assign(context, {lineWidth: 22, lineCap: "round", strokeStyle: "#000"});
      context.beginPath();
      context.moveTo(...last);
      context.lineTo(...now);
      context.stroke();
      last = now;
      this.inked = true;
      waiting ||= setTimeout(send, 150);
    });
    const up = () => { if (last && this.inked) { clearTimeout(waiting); waiting = setTimeout(send, 0); } last = null; };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    return h("section", {}, h("h2", {}, say("draw")), h("p", {className: "quiet"}, say("draw_hint")), canvas, h("div", {className: "bar"}, button(say("clear"), clear)));
  }

  sample(number_) {
    const {id} = this.model;
    return this.inPicture.ask(() => ask("sample", {id, number: number_}), found => this.seen(found));
  }

  own(file) {
    const {id} = this.model;
    if (file) this.inPicture.ask(() => upload(`look-${id}`, file.name, file), found => this.seen(found));
  }

  seen(found) {
    const {model} = this;
    this.given = {id: model.id, picture: found.number};
    paintPicture(this.picture, found.picture);
    this.clearOver();
    const name = model.classes[found.label] ?? found.label;
    this.whatFor.textContent = found.label === undefined ? "" : say("label_is", {name});
    this.answers.replaceChildren(...found.answers.flatMap(one => {
      const bar = h("span", {className: "bar-of"});
      bar.style.width = `${100 * Math.min(1, Math.max(0, one.value))}%`;
      return [h("span", {}, one.name), bar, h("span", {className: "numbers", "data-value": String(one.value), "data-class": String(one.class)}, `${(100 * one.value).toFixed(1)} %`)];
    }));
    this.why.replaceChildren(...["saliency", "Grad-CAM"].map(kind => button(kind, () => this.explain(kind), {id: `why-${kind}`})), button(say("plain"), () => { this.inHeat.drop(); this.clearOver(); }));
    if (!this.layer || !model.layers.includes(this.layer)) this.layer = model.layers[0];
    this.layers.replaceChildren(...(model.layers.length ? [labelled(say("layer"), select(model.layers.map(name_ => [name_, name_]), this.layer, name_ => { this.layer = name_; this.showMaps(); }), "inline")] : []));
    this.unit.replaceChildren();
    this.showMaps();
  }

  clearOver() {
    this.over.width = this.picture.width;
    this.over.height = this.picture.height;
  }

  explain(kind) {
    const {given} = this;
    this.inHeat.ask(() => ask("why", {...given, output: null}), found => this.showHeat(kind, found));
  }

  showHeat(kind, found) {
    const heat = bytesOf(found.heats[kind] || found.heats.saliency), [height, width] = found.extents;
    this.over.width = width;
    this.over.height = height;
    const context = this.over.getContext("2d"), image = context.createImageData(width, height);
    for (let k = 0; k < heat.length; k++) image.data.set([213, 94, 0, Math.round(0.85 * heat[k])], 4 * k);
    context.putImageData(image, 0, 0);
    tell(say("why_shown", {kind, name: this.model.classes[found.output] ?? found.output}));
  }

  showMaps() {
    const {given, layer} = this;
    if (layer) this.inMaps.ask(() => ask("maps", {...given, layer}), found => { this.unit.replaceChildren(); this.paintMaps(found, {...given, layer}); });
  }

  // of: the picture and the layer that the maps are of.
  paintMaps(found, of) {
    const bytes = bytesOf(found.maps), [height, width] = found.extents, many = bytes.length / (height * width);
    const side = Math.max(48, Math.min(112, 2 * width));
    const about = [say("field", {size: found.size.join(" × "), stride: found.stride.join(" × ")}), ...(found.channels > many ? [say("first_maps", {shown: many, all: found.channels})] : [])];
    this.maps.replaceChildren(h("p", {className: "quiet whole"}, about.join("; ")), ...Array.from({length: many}, (_, channel) => {
      const canvas = h("canvas", {"aria-hidden": "true"});
      paintSigned(canvas, bytes, width, height, channel * height * width);
      canvas.style.width = `${side}px`;
      canvas.style.height = `${side * height / width}px`;
      const made = button("", event => {
        const box = canvas.getBoundingClientRect(), by = event.detail > 0;
        const row = by ? Math.floor((event.clientY - box.top) / box.height * height) : Math.floor(height / 2), column = by ? Math.floor((event.clientX - box.left) / box.width * width) : Math.floor(width / 2);
        this.showUnit(of, channel, clamp(row, height), clamp(column, width), height, width);
      }, {"aria-label": say("map_n", {n: channel, layer: of.layer})});
      made.append(canvas);
      return made;
    }));
  }

  showUnit(of, channel, row, column, height, width) {
    this.inUnit.ask(() => ask("unit", {...of, channel, row, column}), found => this.tellUnit(found, of, channel, row, column, height, width));
  }

  tellUnit(found, of, channel, row, column, height, width) {
    const [top, left, bottom, right] = found.box, {layer} = of, [tall, wide] = this.model.shape;
    this.over.width = 4 * wide;
    this.over.height = 4 * tall;
    const context = this.over.getContext("2d");
    context.strokeStyle = "#D55E00";
    context.lineWidth = 4;
    context.strokeRect(4 * left + 2, 4 * top + 2, 4 * (right - left) - 4, 4 * (bottom - top) - 4);
    const move = (label, down, across) => button(label, () => this.showUnit(of, channel, clamp(row + down, height), clamp(column + across, width), height, width), {"aria-label": say("move_unit", {way: label})});
    const drawn = h("div", {className: "maps", id: "synthesised"}), made = button(say("synthesize"), async () => {
      const ideal = await working(made, () => ask("synthesize", {id: of.id, layer, channel}));
      if (!ideal) return;
      const canvas = h("canvas", {role: "img", "aria-label": say("synthesised", {channel, layer})});
      paintPicture(canvas, ideal.picture);
      canvas.style.width = `${Math.max(140, canvas.width)}px`;
      drawn.replaceChildren(h("figure", {className: "patch"}, canvas, h("figcaption", {className: "quiet"}, say(ideal.after > ideal.before ? "raised" : "not_raised", {before: number(ideal.before, 3), after: number(ideal.after, 3), steps: ideal.steps}))));
    }, {id: "synthesize"});
    this.unit.replaceChildren(h("h3", {}, say("unit_at", {channel, row, column, layer})),
      h("p", {}, say("unit_sees", {value: number(found.value), box: `${left}–${right - 1}, ${top}–${bottom - 1}`})),
      h("div", {className: "bar"}, move("←", 0, -1), move("→", 0, 1), move("↑", -1, 0), move("↓", 1, 0)),
      made, drawn,
      found.patches.length ? h("h3", {}, say("excites", {n: count(found.searched)})) : "",
      h("div", {className: "maps"}, found.patches.map(patch => {
        const canvas = h("canvas", {role: "img", "aria-label": say("patch_of", {n: patch.sample, value: number(patch.value, 3)})});
        paintPicture(canvas, patch.picture);
        canvas.style.width = `${clamp(4 * canvas.width, 141, 56)}px`;
        return h("figure", {className: "patch"}, canvas, h("figcaption", {className: "quiet"}, number(patch.value, 3)));
      })));
  }
}

function clamp(value, extent, least = 0) {
  return Math.min(extent - 1, Math.max(least, value));
}
