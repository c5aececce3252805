// Curves, each with its table.
import {COLOURS, count, h, number, say, table} from "/web/base.js";

const STEPS = Array.from({length: 320}, (_, k) => 10 ** (k - 12)); // between which uPlot finds one, or draws no axis
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

export class Chart {
  // title: of the chart; across: what goes from left to right
  constructor(title, across, height = 220) {
    Object.assign(this, {title, across, height, key: "", plot: null, log: true});
    this.place = h("div", {className: "chart", role: "img", "aria-label": title});
    this.rows = h("div");
    this.details = h("details", {ontoggle: () => this.tabulate()}, h("summary", {}, say("as_table")), this.rows);
    this.element = h("figure", {className: "chart-box"}, h("figcaption", {}, title), this.place, this.details);
    new ResizeObserver(() => this.plot && this.place.clientWidth && this.plot.setSize({width: this.place.clientWidth, height: this.height})).observe(this.place);
  }

  // series: [{label, colour, dash, points: [[x, y], …]}]
  show(series, log = true) {
    const xs = [...new Set(series.flatMap(one => one.points.map(point => point[0])))].sort((a, b) => a - b);
    const data = [xs, ...series.map(one => {
      const known = new Map(one.points);
      return xs.map(x => { const y = known.get(x); return y === undefined || y === null || (log && y <= 0) ? null : y; });
    })];
    this.series = series;
    this.xs = xs;
    const key = JSON.stringify([series.map(one => [one.label, one.colour, one.dash]), log]);
    if (key !== this.key || !this.plot) {
      this.key = key;
      this.plot?.destroy();
      const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
      const axis = {stroke: ink, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1}, font: "12px system-ui"};
      this.plot = new window.uPlot({
        width: this.place.clientWidth || 300, height: this.height, cursor: {drag: {x: false, y: false}},
        scales: {x: {time: false}, y: log ? {distr: 3} : {}},
        axes: [{...axis, size: 30, values: (_, values) => values.map(value => Number.isInteger(value) ? count(value) : ""), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6]}, {...axis, size: 60, ...(log ? {splits: decades, incrs: () => STEPS, filter: (_, values) => values} : {}), values: (_, values) => values.map(value => value === null ? "" : tick(value))}],
        series: [{label: this.across}, ...series.map(one => ({label: one.label, stroke: COLOURS[one.colour % COLOURS.length], width: 2, dash: DASHES[one.dash % DASHES.length], spanGaps: true, points: {show: xs.length < 3 || one.points.length < 2}}))],
        legend: {show: true},
      }, data, this.place);
    } else this.plot.setData(data);
    if (this.details.open) this.tabulate();
  }

  tabulate() {
    if (!this.details.open || !this.series) return;
    const step = Math.ceil(this.xs.length / 40), xs = this.xs.filter((_, k) => k % step === 0 || k === this.xs.length - 1);
    const known = this.series.map(one => new Map(one.points));
    this.rows.replaceChildren(table([this.across, ...this.series.map(one => one.label)],
      xs.map(x => [number(x, 7), ...known.map(one => number(one.get(x)))]), this.title));
  }
}

// Powers of ten within a range, eight at most; of few decades multiples of each as well.
function decades(_, axis, low, high) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))], step = Math.ceil((last - first) / 8);
  const within = high < 4 * low ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : last - first <= 1 ? [1, 2, 3, 5] : last - first <= 3 ? [1, 2, 5] : [1], found = [];
  for (let power = first; power <= last; power += step)
    for (const factor of within) found.push(Number(`${factor}e${power}`));
  const inside = found.filter(value => value >= low * 0.999 && value <= high * 1.001);
  return inside.length ? inside : [low, high];
}

function tick(value) {
  const size = Math.abs(value), far = size >= 1e6 || (size !== 0 && size < 1e-3);
  return far ? Number(value.toPrecision(3)).toExponential().replace("e+", "e").replaceAll("-", "−") : number(value, 3);
}
