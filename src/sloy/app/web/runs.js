// Runs: the folders of runs, their curves side by side, what was found in them, and which is a branch of which.
import {ask, button, h, labelled, number, say, select, table, working} from "/web/base.js";
import {Chart} from "/web/charts.js";

export class RunsPage {
  constructor(app) {
    this.app = app;
    this.chosen = new Map(); // id → details
    this.list = h("div");
    this.detail = h("div");
    this.metric = "loss";
    this.metrics = h("div", {className: "bar"});
    this.chart = new Chart(say("curves_of_runs"), say("epoch"), 260);
    const again = button(say("look_again"), () => this.load());
    this.element = h("div", {}, h("h1", {}, say("runs")), h("p", {className: "lead"}, say("runs_lead")), again, this.list,
      this.curves = h("section", {hidden: true}, h("h2", {}, say("curves")), this.metrics, this.chart.element), this.detail);
    this.load();
  }

  async load() {
    this.runs = await ask("runs");
    if (!this.runs.length) {
      this.list.replaceChildren(h("p", {}, say("no_runs")), h("pre", {tabIndex: 0}, "sloy train mnist --out runs/first"));
      return;
    }
    const children = parent => this.runs.filter(run => run.parent === parent);
    const row = (run, depth) => [this.row(run, depth), ...children(run.id).flatMap(child => row(child, depth + 1))];
    const rows = children(null).flatMap(run => row(run, 0));
    const figures = [...new Set(this.runs.flatMap(run => Object.keys(run.figures)))].filter(name => /accuracy|rmse|r2|loss/.test(name)).slice(0, 3);
    this.list.replaceChildren(table([say("run"), say("data"), say("network"), say("epochs"), ...figures, say("state")],
      rows.map(([run, cell]) => [cell, run.data, run.network || "", String(run.epochs), ...figures.map(name => number(run.figures[name])),
        run.finished ? say("finished") : say("unfinished")]), say("runs"), true));
    if (this.runs.some(run => run.id === this.app.start.opened) && !this.chosen.size) await this.choose(this.app.start.opened, true);
  }

  row(run, depth) {
    const box = h("input", {type: "checkbox", id: `run-${run.id}`, checked: this.chosen.has(run.id), onchange: () => this.choose(run.id, box.checked)});
    const words = run.branch.changed ? ` ${say("branched_at", {epoch: run.branch.epoch, step: run.branch.step})}: ${Object.entries(run.branch.changed).map(([name, value]) => `${name} ${value}`).join(", ")}` : "";
    const cell = h("span", {className: "run-name"}, depth ? "↳ ".padStart(2 * depth, "\u2003") : "", box, h("label", {for: box.id}, run.name), h("span", {className: "quiet"}, words), " ",
      button(say("more"), () => this.details(run), {"aria-label": say("more_of", {name: run.name}), id: `more-${run.id}`}));
    return [run, cell];
  }

  async choose(id, on) {
    if (on) this.chosen.set(id, await ask("run", {id}));
    else this.chosen.delete(id);
    const box = document.getElementById(`run-${id}`);
    if (box) box.checked = on;
    this.compare();
  }

  compare() {
    const chosen = [...this.chosen.values()], names = [...new Set(chosen.flatMap(run => Object.keys(run.history)))].filter(name => name !== "epoch" && !name.startsWith("val_"));
    this.curves.hidden = !chosen.length;
    if (!chosen.length) return;
    if (!names.includes(this.metric)) this.metric = names.includes("loss") ? "loss" : names[0];
    this.metrics.replaceChildren(labelled(say("what"), select(names.map(name => [name, name]), this.metric, name => { this.metric = name; this.compare(); }), "inline"));
    const series = chosen.flatMap((run, k) => [[this.metric, 0], [`val_${this.metric}`, 1]].filter(([name]) => run.history[name]).map(([name, dash]) => ({
      label: `${run.name}: ${name}`, colour: k + 1, dash, points: run.history.epoch.map((epoch, j) => [epoch, run.history[name][j]])})));
    const values = series.flatMap(one => one.points.map(point => point[1]).filter(value => value !== null));
    const log = values.every(value => value > 0) && Math.max(...values) > 10 * Math.min(...values);
    this.chart.show(series, log);
  }

  async details(run) {
    const found = await ask("run", {id: run.id});
    const findings = h("div", {"aria-live": "polite"});
    this.tellFindings(findings, found);
    const diagnose = button(say("diagnose"), async () => {
      const report = await working(diagnose, () => ask("diagnose", {id: run.id}));
      if (report) this.tellFindings(findings, {findings: report.findings, diagnosed: true});
    }, {id: "diagnose"});
    const rate = h("input", {type: "number", min: 0, step: "any", value: (found.plan.learning_rate ?? found.history.learning_rate?.[0] ?? 0.01) / 2, id: "branch-rate"});
    const epoch = h("input", {type: "number", min: 1, max: Math.max(1, run.epochs), value: Math.max(1, Math.ceil(run.epochs / 2)), id: "branch-epoch"});
    const branch = button(say("branch_run"), async () => {
      const made = await working(branch, () => ask("branch", {id: run.id, epoch: Number(epoch.value), step: 1, learning_rate: Number(rate.value)}));
      if (made) await this.load();
    });
    const resume = run.finished || !run.saved ? null : button(say("go_on"), async () => {
      if (await working(resume, () => ask("resume", {id: run.id}))) await this.load();
    }, {id: "resume"});
    this.detail.replaceChildren(h("h2", {tabIndex: -1}, found.name), ...(resume ? [resume] : []),
      h("h3", {}, say("findings")), findings, diagnose,
      h("h3", {}, say("branch_of_run")), h("p", {className: "quiet"}, say("branch_of_run_hint")),
      h("div", {className: "controls"}, labelled(say("from_epoch"), epoch), labelled(say("learning_rate"), rate), branch),
      h("h3", {}, say("files")), table([say("file"), say("size"), ""], found.files.map(file => [file.name, file.size, file.about]), say("files"), true),
      h("details", {}, h("summary", {}, say("what_it_does")), h("pre", {tabIndex: 0}, JSON.stringify(found.plan, null, 1))),
      run.model ? h("a", {className: "button", href: "#look", onclick: () => { this.app.looked = run.id; }}, say("look_into")) : null);
    this.detail.querySelector("h2").focus();
  }

  tellFindings(place, {findings, diagnosed}) {
    if (!findings.length) return place.replaceChildren(h("p", {className: diagnosed ? "good" : "quiet"}, say(diagnosed ? "nothing_found" : "not_diagnosed")));
    return place.replaceChildren(...findings.map(one => h("div", {className: one.severity === "note" ? "" : "warning"},
      h("p", {}, h("strong", {}, `${one.id} ${one.name} (${one.severity}): `), one.sentence), one.remedies.length ? h("ul", {}, one.remedies.map(text => h("li", {}, text))) : null)));
  }
}
