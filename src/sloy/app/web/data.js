// Data: what a table or a folder of pictures holds, what training on it would do, and the way to the playground.
import {Shown, ask, button, count, h, keepingFocus, labelled, number, say, select, spoken, table, tell, upload, working} from "/web/base.js";

const TABLE = /\.(csv|tsv|parquet|xlsx|csv\.gz)$/i, PICTURE = /\.(png|jpe?g|bmp|gif|webp|tiff?)$/i, MODEL = /\.(sloy|onnx)$/i;

export class DataPage {
  constructor(app) {
    this.app = app;
    this.things = h("div", {className: "things", role: "group", "aria-label": say("data_there")});
    this.about = h("div");
    this.inThing = new Shown([this.about]);
    this.element = h("div", {}, h("h1", {}, say("data")), h("p", {className: "lead"}, say("data_lead")),
      this.things, this.dropArea(), this.about);
    this.list(app.chosen || app.start.opened);
  }

  list(chosen) {
    return this.inThing.ask(() => ask("start"), ({things}) => {
      const own = things.filter(thing => thing.kind === "table" || thing.kind === "data"), first = own.find(thing => thing.id === chosen);
      keepingFocus([this.things], () => this.things.replaceChildren(...own.map(thing => button(thing.name, () => this.choose(thing), {id: `thing-${thing.id}`, "aria-pressed": "false"}))));
      if (first) this.choose(first);
    });
  }

  dropArea() {
    const files = h("input", {type: "file", multiple: true, id: "files", accept: ".csv,.tsv,.parquet,.xlsx,image/*", onchange: () => this.take([...files.files])});
    const folder = h("input", {type: "file", id: "folder", onchange: () => this.take([...folder.files])});
    folder.webkitdirectory = true;
    const area = h("div", {className: "drop"}, h("p", {}, say("drop_hint")), labelled(say("a_table"), files), " ", labelled(say("a_folder"), folder));
    area.addEventListener("dragover", event => { event.preventDefault(); area.classList.add("over"); });
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", async event => {
      event.preventDefault();
      area.classList.remove("over");
      const found = [];
      for (const item of event.dataTransfer.items) await gather(item.webkitGetAsEntry?.(), found);
      this.take(found.length ? found : [...event.dataTransfer.files]);
    });
    return area;
  }

  // Files of a table, or pictures in folders of their classes.
  async take(files) {
    const tables = files.filter(file => TABLE.test(file.name)), pictures = files.filter(file => pathOf(file).includes("/") && PICTURE.test(file.name));
    const model = files.find(file => MODEL.test(file.name)), left = files.length - (tables.length ? 1 : pictures.length);
    try {
      let thing;
      if (tables.length) thing = await upload("table", tables[0].name, tables[0]);
      else if (pictures.length) {
        const folder = await ask("folder");
        for (const [k, file] of pictures.entries()) {
          if (k % 10 === 0) tell(say("uploading", {done: k, all: pictures.length}));
          await upload(folder.id, pathOf(file), file);
        }
        thing = folder;
      } else return tell(model ? say("model_here", {name: model.name}) : say("nothing_to_take", {names: files.slice(0, 3).map(file => file.name).join(", ")}), true);
      tell(left ? say("uploaded_without", {count: left}) : say("uploaded"));
      return await this.list(thing.id);
    } catch { return undefined; /* it was told */ }
  }

  choose(thing) {
    this.app.chosen = thing.id;
    for (const made of this.things.children) made.setAttribute("aria-pressed", String(made.id === `thing-${thing.id}`));
    return this.inThing.ask(() => ask("columns", {id: thing.id}), found => this.show(thing, found), {failed: () => this.about.replaceChildren()});
  }

  show(thing, {columns, rows}) {
    this.thing = thing;
    this.target = columns.at(-1) ?? null;
    this.plan = h("div", {"aria-live": "polite"});
    this.inPlan = new Shown([], this.inThing);
    const look = button(say("make_plan"), () => this.forecast(look), {className: "main", id: "make-plan"});
    this.about.replaceChildren(h("h2", {}, thing.name));
    if (columns.length) {
      const targets = select(columns.map(name => [name, name]), this.target, name => {
        this.target = name;
        this.inPlan.drop();
        this.plan.replaceChildren();
        this.choices(columns);
      });
      this.about.append(table(columns, rows, say("first_rows")), h("div", {className: "controls"}, labelled(say("target"), targets), look), this.plan);
    } else this.about.append(h("div", {className: "bar"}, look), this.plan);
    this.onPlane = h("section");
    this.about.append(this.onPlane);
    this.choices(columns);
  }

  choices(columns) {
    const others = columns.filter(name => name !== this.target);
    const open = button(say("to_playground"), () => working(open, async () => {
      await ask("scene", {id: this.thing.id, target: this.target, columns: boxes.filter(box => box.checked).map(box => box.value), axes: axes()});
      if (open.isConnected) location.hash = "playground";
    }), {className: "main", id: "to-playground"});
    let boxes = [], axes = () => null, form = [];
    if (others.length) {
      boxes = others.map(name => h("input", {type: "checkbox", value: name, checked: others.length <= 12, "aria-label": say("use_column", {name})}));
      const choice = changed => select([["", say("principal")], ...others.map(name => [name, name])], "", changed);
      // two columns, or none: the one that is left follows
      const follow = (one, value) => { if (!value || !one.value || one.value === value) one.value = value && others.find(name => name !== value) || ""; };
      const across = choice(value => follow(up, value)), up = choice(value => follow(across, value));
      axes = () => across.value ? [across.value, up.value] : null;
      form = [h("fieldset", {}, h("legend", {}, say("used_columns")), others.map((name, k) => h("label", {className: "choice"}, boxes[k], name, " "))),
        labelled(say("across"), across), labelled(say("up"), up)];
    }
    this.onPlane.replaceChildren(h("h2", {}, say("on_plane")), h("p", {className: "quiet"}, say(others.length ? "plane_of_table" : "plane_of_pictures")),
      h("div", {className: "controls"}, form, open));
  }

  forecast(made) {
    const given = {id: this.thing.id, target: this.target, language: spoken()};
    return this.inPlan.ask(() => working(made, () => ask("plan", given)), found => { if (found) this.tellPlan(found); });
  }

  tellPlan(found) {
    const classes = Object.entries(found.classes), most = Math.max(...classes.map(([, n]) => n), 1), {seconds} = found;
    const rated = found.scores[0].figure === "accuracy", shown = value => rated ? `${(100 * value).toFixed(1)} %` : number(value);
    this.plan.replaceChildren(
      ...found.warnings.map(text => h("p", {className: "warning"}, text)),
      found.warnings.length ? null : h("p", {className: "good"}, say("no_warnings")),
      h("h3", {}, say("what_it_holds")),
      h("dl", {}, Object.entries(found.samples).flatMap(([part, n]) => [h("dt", {}, part), h("dd", {}, count(n))]),
        found.said.flatMap(([title, words]) => [h("dt", {}, title), h("dd", {}, words)])),
      classes.length ? h("div", {className: "bars"}, classes.flatMap(([name, n]) => {
        const bar = h("span", {className: "bar-of"});
        bar.style.width = `${100 * n / most}%`;
        return [h("span", {}, name), bar, h("span", {className: "numbers"}, count(n))];
      })) : "",
      h("h3", {}, say("to_beat")),
      table([say("answer"), rated ? say("accuracy") : "RMSE", say("interval"), say("test_samples")], found.scores.map(one => [one.said, shown(one.value), one.high === null ? "–" : `${shown(one.low)} … ${shown(one.high)}`, count(one.samples)]), say("to_beat")),
      h("h3", {}, say("training_would")),
      h("dl", {}, [[say("network"), found.network], [say("time_epoch"), say("in_seconds", {time: `${number(seconds.epoch, 2)}–${number(seconds.epoch_slowest, 2)}`})], [say("time_all"), say("in_seconds", {time: number(seconds.training, 3)})],
        [say("memory"), say("in_megabytes", {size: count(found.memory / 1e6)})]].flatMap(([title, words]) => [h("dt", {}, title), h("dd", {}, words)])),
      h("pre", {tabIndex: 0}, found.command),
      h("details", {}, h("summary", {}, say("as_printed")), h("pre", {tabIndex: 0}, found.text)));
  }
}

function pathOf(file) {
  return file.sloyPath || file.webkitRelativePath || file.name;
}

async function gather(entry, found) {
  if (!entry) return;
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    file.sloyPath = entry.fullPath.slice(1);
    found.push(file);
  } else {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const inner of some) await gather(inner, found);
    }
  }
}
