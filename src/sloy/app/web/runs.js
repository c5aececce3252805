// Runs: the folders of runs, their curves side by side, what was found in them, and which is a branch of which.
import {Shown, ask, button, count, h, labelled, number, say, select, spoken, table, tell, working} from "/web/base.js";
import {Chart} from "/web/charts.js";

const FIGURES = ["test_accuracy", "test_rmse", "test_r2", "test_log_loss", "test_loss"]; // of those that are measured: in the list
const NAMES = {rmse: "RMSE", mae: "MAE", r2: "R²", auc: "AUC", f1: "F1"};

export class RunsPage {
  constructor(app) {
    this.app = app;
    this.chosen = new Set(); // ids of the runs whose curves are shown
    this.known = new Map(); // id → details
    this.list = h("div");
    this.detail = h("div");
    this.curves = h("section", {hidden: true});
    this.inList = new Shown([this.list]);
    this.inCurves = new Shown([this.curves]);
    this.inDetail = new Shown([this.detail]);
    this.metric = "loss";
    this.metrics = h("div", {className: "bar"});
    this.chart = new Chart(say("curves_of_runs"), say("epoch"), 260);
    const again = button(say("look_again"), () => this.load());
    this.element = h("div", {}, h("h1", {}, say("runs")), h("p", {className: "lead"}, say("runs_lead")), again, this.list,
      this.curves, this.detail);
    this.curves.append(h("h2", {}, say("curves")), this.metrics, this.chart.element);
    this.load();
  }

  load() {
    return this.inList.ask(() => ask("runs"), runs => this.show(runs));
  }

  show(runs) {
    this.runs = runs;
    this.known.clear();
    this.chosen = new Set([...this.chosen].filter(id => runs.some(run => run.id === id)));
    if (!this.runs.length) {
      this.list.replaceChildren(h("p", {}, say("no_runs")), h("pre", {tabIndex: 0}, "sloy train mnist --out runs/first"));
      return;
    }
    const known = new Set(this.runs.map(run => run.id)), children = parent => this.runs.filter(run => (known.has(run.parent) ? run.parent : null) === parent);
    const row = (run, depth) => [this.row(run, depth), ...children(run.id).flatMap(child => row(child, depth + 1))];
    const rows = children(null).flatMap(run => row(run, 0));
    const figures = FIGURES.filter(name => this.runs.some(run => run.figures && name in run.figures));
    this.list.replaceChildren(table([say("run"), say("data"), say("network"), say("epochs"), ...figures.map(name => figure(name)), say("state")],
      rows.map(([run, cell]) => run.pruned ? [cell, "", "", "", ...figures.map(() => ""), say("pruned")]
        : [cell, run.data, run.network || "", String(run.epochs), ...figures.map(name => name in run.figures ? shownFigure(name, run.figures[name]) : ""), run.finished ? say("finished") : say("unfinished")]), say("runs"), true));
    if (this.runs.some(run => run.id === this.app.start.opened) && !this.chosen.size) this.choose(this.app.start.opened, true);
    else if (this.chosen.size) this.draw();
  }

  row(run, depth) {
    const indent = depth ? "↳ ".padStart(2 * depth, "\u2003") : "", more = button(say("more"), () => this.details(run), {"aria-label": say("more_of", {name: run.name}), id: `more-${run.id}`});
    if (run.pruned) return [run, h("span", {className: "run-name"}, indent, run.name, " ", h("span", {className: "quiet"}, smaller(run.pruned)), " ", more)];
    const box = h("input", {type: "checkbox", id: `run-${run.id}`, checked: this.chosen.has(run.id), onchange: () => this.choose(run.id, box.checked)});
    const words = run.branch?.changed ? ` ${say("branched_at", {epoch: run.branch.epoch, step: run.branch.step})}: ${Object.entries(run.branch.changed).map(([name, value]) => `${name} ${value}`).join(", ")}` : "";
    const cell = h("span", {className: "run-name"}, indent, box, h("label", {for: box.id}, run.name), h("span", {className: "quiet"}, words), " ", more);
    return [run, cell];
  }

  choose(id, on) {
    this.chosen[on ? "add" : "delete"](id);
    this.list.querySelector(`#run-${id}`).checked = on;
    this.draw();
  }

  // The curves of what is chosen; a run that cannot be read is chosen no more.
  draw() {
    return this.inCurves.ask(async () => {
      for (const id of this.chosen) {
        if (this.known.has(id)) continue;
        try { this.known.set(id, await ask("run", {id, language: spoken()})); } catch { this.choose(id, false); }
      }
    }, () => this.compare());
  }

  compare() {
    const chosen = [...this.chosen].map(id => this.known.get(id)), names = [...new Set(chosen.flatMap(run => Object.keys(run.history)))].filter(name => name !== "epoch" && !name.startsWith("val_"));
    this.curves.hidden = !chosen.length;
    if (!chosen.length) return;
    if (!names.includes(this.metric)) this.metric = names.includes("loss") ? "loss" : names[0];
    this.metrics.replaceChildren(labelled(say("what"), select(names.map(name => [name, figure(name)]), this.metric, name => { this.metric = name; this.compare(); }), "inline"));
    const series = chosen.flatMap((run, k) => [[this.metric, 0], [`val_${this.metric}`, 1]].filter(([name]) => run.history[name]).map(([name, dash]) => ({
      label: `${run.name}: ${figure(this.metric)}${dash ? `, ${say("validation")}` : ""}`, colour: k + 1, dash, points: run.history.epoch.map((epoch, j) => [epoch, run.history[name][j]])})));
    const values = series.flatMap(one => one.points.map(point => point[1]).filter(value => value !== null));
    const log = values.every(value => value > 0) && Math.max(...values) > 10 * Math.min(...values);
    this.chart.show(series, log);
  }

  details(run) {
    return this.inDetail.ask(() => ask("run", {id: run.id, language: spoken()}), found => run.pruned ? this.showPruned(run, found) : this.showRun(run, found));
  }

  showRun(run, found) {
    const findings = h("div", {"aria-live": "polite"});
    this.tellFindings(findings, found);
    const diagnose = button(say("diagnose"), async () => {
      const told = await working(diagnose, () => ask("diagnose", {id: run.id, language: spoken()}));
      if (told) this.tellFindings(findings, {findings: told, diagnosed: true});
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
    const report = button(say("write_report"), async () => {
      const {asked} = this.inDetail, made = await working(report, () => ask("report", {id: run.id, language: spoken()}));
      if (!made) return;
      tell(`${made.name}, ${made.size}. ${made.notes.join(" ")}`);
      if (asked !== this.inDetail.asked) return; // another run is looked at by now
      await this.details(run);
      this.detail.querySelector("#report-link")?.focus();
    }, {id: "report"});
    const keep = h("input", {type: "number", min: 1, max: 99, placeholder: "–", id: "prune-keep"});
    const prune = button(say("prune"), async () => {
      const {asked} = this.inDetail, made = await working(prune, () => ask("prune", {id: run.id, language: spoken(), keep: keep.value ? Number(keep.value) / 100 : null}));
      if (!made) return;
      await this.load();
      if (asked === this.inDetail.asked) this.inDetail.ask(async () => made, () => this.showPruned(this.runs.find(one => one.id === made.id), made));
    }, {id: "prune"});
    const written = found.files.find(file => file.name === "report.html");
    this.detail.replaceChildren(h("h2", {tabIndex: -1}, found.name), ...(resume ? [resume] : []),
      h("h3", {}, say("findings")), findings, diagnose,
      h("h3", {}, say("branch_of_run")), h("p", {className: "quiet"}, say("branch_of_run_hint")),
      h("div", {className: "controls"}, labelled(say("from_epoch"), epoch), labelled(say("learning_rate"), rate), branch),
      ...(run.model ? [h("h3", {}, say("report")), h("p", {className: "quiet"}, say("report_hint")), h("div", {className: "bar"}, report,
        written ? h("a", {href: this.place(run, written), download: "", id: "report-link", className: "button"}, `${say("download")} (${written.size})`) : null),
        h("h3", {}, say("pruning")), h("p", {className: "quiet"}, say("prune_hint")), h("div", {className: "controls"}, labelled(say("keep_share"), keep), prune)] : []),
      ...this.files(run, found),
      h("details", {}, h("summary", {}, say("what_it_does")), h("pre", {tabIndex: 0}, JSON.stringify(found.plan, null, 1))),
      run.model ? h("div", {className: "bar"}, this.ways(run)) : null);
    this.detail.querySelector("h2").focus();
  }

  place(run, file) {
    return `/api/file/${run.id}/${file.name}`;
  }

  files(run, found) {
    return [h("h3", {}, say("files")), table([say("file"), say("size"), ""], found.files.map(file => [h("a", {href: this.place(run, file), download: ""}, file.name), file.size, file.about]), say("files"), true)];
  }

  // A model that was made smaller, beside the one that it was made of.
  showPruned(run, found) {
    const {before, after, comparison, timings, notes} = found.pruning, share = (a, b) => `${(100 * b / Math.max(a, 1)).toFixed(1)} %`;
    const accuracy = comparison.figure === "accuracy", shown = ([value, low, high]) => accuracy ? `${percent(value)} % (${percent(low)} … ${percent(high)})` : `${number(value)} (${number(low)} … ${number(high)})`;
    const rows = [["parameters", "parameters"], ["multiply_adds", "multiply_adds"], ["file_bytes", "file_bytes"]].map(([key, name]) => [say(key), count(before[name]), count(after[name]), share(before[name], after[name])]);
    for (const one of timings) rows.push([say("time_of", {count: one.samples}), `${number(1e3 * one.before, 3)}`, `${number(1e3 * one.after, 3)}`, `${number(one.times, 3)} ×${one.faster ? "" : ` (${say("not_sure")})`}`]);
    rows.push([figure(comparison.figure), shown(comparison.before), shown(comparison.after), `${say("lost")}: ${shown(comparison.lost)}`]);
    this.detail.replaceChildren(h("h2", {tabIndex: -1}, found.name), table(["", say("before"), say("after"), say("left_of")], rows, say("pruning"), true),
      ...notes.map(note => h("p", {className: "quiet"}, note)), ...this.files(run, found),
      h("div", {className: "bar"}, this.ways(run)));
    this.detail.querySelector("h2").focus();
  }

  // To the pages that look into a model.
  ways(run) {
    return [run.pictures ? h("a", {className: "button", href: "#look", onclick: () => { this.app.looked = run.id; }}, say("look_into")) : null,
      h("a", {className: "button", href: "#hand", onclick: () => { this.app.hand = run.id; }}, say("take_in_hand"))];
  }

  tellFindings(place, {findings, diagnosed}) {
    if (!findings.length) return place.replaceChildren(h("p", {className: diagnosed ? "good" : "quiet"}, say(diagnosed ? "nothing_found" : "not_diagnosed")));
    return place.replaceChildren(...findings.map(one => h("div", {className: `${one.severity === "note" ? "" : "warning"} ${one.under ? "under" : ""}`},
      h("p", {}, h("strong", {}, `${one.id} ${one.name} (${one.harm}): `), one.sentence, " ", h("span", {className: "quiet"}, one.state)),
      one.under ? h("p", {className: "quiet"}, say("because_of", {id: one.under})) : [h("p", {className: "quiet"}, one.causes.join("; ")), h("ul", {}, one.remedies.map(text => h("li", {}, text)))],
      one.proofs.length ? h("ul", {}, one.proofs.map(text => h("li", {}, text))) : null)));
  }
}

// The name of a figure of a run: test_log_loss → log-loss.
function figure(name) {
  const plain = name.replace(/^test_/, ""), key = `figure_${plain}`, text = say(key);
  return text === key ? NAMES[plain] ?? plain.replaceAll("_", " ") : text;
}

function shownFigure(name, value) {
  return name.endsWith("accuracy") ? `${percent(value)} %` : number(value);
}

function percent(value) {
  return (100 * value).toFixed(2).replace("-", "−");
}

function smaller({before, after}) {
  return before && after ? `${say("multiply_adds")}: ${count(before.multiply_adds)} → ${count(after.multiply_adds)}` : "";
}
