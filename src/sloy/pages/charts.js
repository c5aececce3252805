"use strict";
// Curves of a history, each chart with its table; the colours of a matrix.

/** Curves over the epochs: lines are {name, values}; of a run that ran away as logarithms, what is no number as crosses. */
function curveChart({ title, epochs, lines }) {
  const given = lines.flatMap((line) => line.values).filter((value) => value !== null),
    [least, most] = [Math.min(...given), Math.max(...given)],
    wide = least > 0 && most > 100 && most > 1e4 * least;
  const scaled = (value) => (wide ? Math.log10(value) : value),
    [low, high] = [scaled(least), scaled(most)],
    lost = lines.some((line) => line.values.includes(null)),
    room = (high - low || Math.abs(high) || 1) * 0.06;
  const last = epochs[epochs.length - 1];
  const styles = [
    { stroke: "var(--blue)" },
    { stroke: "var(--orange)", "stroke-dasharray": "7 4" },
    { stroke: "var(--ink)", "stroke-dasharray": "2 3" },
  ];
  const legend = lines
    .filter((line) => line.name)
    .map((line, i) =>
      html(
        "span",
        { class: "line-key" },
        svg(
          "svg",
          { viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true" },
          svg("path", { d: "M0 4H26", "stroke-width": 2, ...styles[i % 3] }),
        ),
        line.name,
      ),
    );
  const plane = new Plane({
    label: title,
    caption: html("span", { class: "bar" }, title, ...legend, ...(lost ? [html("span", {}, `× ${say("lost")}`)] : [])),
    x: [Math.min(epochs[0], last - 1), last],
    y: [low - room, high + room],
    names: [say("epoch"), wide ? "log₁₀" : ""],
    height: 260,
    whole: true,
    left: 54,
    ground: "curves",
  });
  lines.forEach((line, i) => {
    const all = line.values.map((value, k) => [epochs[k], value === null ? null : scaled(value)]),
      points = all.filter(([, value]) => value !== null);
    for (const [epoch, value] of all)
      if (value === null)
        plane.points.append(
          svg(
            "text",
            { x: plane.X(epoch), y: plane.Y(high) + 11 * i, class: "name", "text-anchor": "middle", fill: styles[i % 3].stroke },
            "×",
          ),
        );
    plane.lines.append(plane.line(plane.through(points), styles[i % 3]));
    if (points.length === 1)
      plane.lines.append(
        svg("circle", { cx: plane.X(points[0][0]), cy: plane.Y(points[0][1]), r: 4, fill: styles[i % 3].stroke }),
      );
  });
  return plane.element;
}

for (const place of document.querySelectorAll("[data-curves]"))
  place.replaceChildren(...told.curves.map((chart) => curveChart(chart)));
for (const cell of document.querySelectorAll("[data-share]")) {
  const share = Number(cell.dataset.share),
    wrong = cell.dataset.wrong !== undefined,
    end = wrong ? [213, 94, 0] : [0, 114, 178];
  const colour = end.map((part) => Math.round(255 + (part - 255) * share ** 0.6 * 0.55));
  cell.style.background = `rgb(${colour.join(" ")})`;
}
