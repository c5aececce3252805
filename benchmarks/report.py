"""The figures of `compare.py` as Markdown tables: python benchmarks/report.py results.json"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Row = Mapping[str, Any]


def markdown(results: Row) -> str:
    """All tables."""
    parts = [_machine(results), _ratios(results), _sides(results), _peers(results)]
    if "prompt" in results:
        parts.append(_prompt(results["prompt"]))
    return "\n\n".join(part for part in parts if part) + "\n"


def spread(values: Sequence[float]) -> float:
    """Interquartile range over median."""
    low, high = np.percentile(values, (25, 75))
    return float((high - low) / median(values))


def ratios(sides: Sequence[Row]) -> list[tuple[Row, Row | None]]:
    """sloy's fastest side of each precision, with the fastest peer's of that precision."""
    counted = [side for side in sides if side["seconds"] and not side["failure"]]
    pairs: list[tuple[Row, Row | None]] = []
    for precision in dict.fromkeys(side["precision"] for side in counted):
        own = [s for s in counted if s["peer"] == "sloy" and s["precision"] == precision]
        others = [s for s in counted if s["peer"] != "sloy" and s["precision"] == precision]
        if own:
            pairs.append((min(own, key=_time), min(others, key=_time, default=None)))
    return pairs


def _time(side: Row) -> float:
    return median(side["seconds"])


def _machine(results: Row) -> str:
    found = results["machine"]
    ceilings = [f"{flops / 1e9:.0f} GFLOP/s {name}" for name, flops in results["ceiling"].items()]
    return (
        f"{found['processor']}, {found['cores']} usable cores ({', '.join(found['instruction_sets'])}),"
        f" {results['threads']} threads, load {found['load']:.1f} at the start. Ceiling, the fastest large"
        f" matrix product: {', '.join(ceilings)}. Medians of {results['rounds']} rounds; spread is the"
        " interquartile range over the median."
    )


def _ratios(results: Row) -> str:
    rows = []
    for name, job in results["jobs"].items():
        for own, best in ratios(job["sides"]):
            ceiling = results["ceiling"].get(own["precision"])
            share = job["flops"] / _time(own) / ceiling if ceiling else None
            rows.append(
                (
                    name,
                    own["precision"],
                    f"{1e6 * _time(own):,.0f}",
                    f"{best['peer']} {best['variant']}" if best else "–",
                    f"{1e6 * _time(best):,.0f}" if best else "–",
                    f"**{_time(best) / _time(own):.2f}**" if best else "–",
                    f"{share:.0%}" if share else "–",
                )
            )
    head = ("job", "precision", "sloy, µs", "best peer", "its µs", "peer / sloy", "share of peak")
    return _table("Per step, against the best peer", head, rows)


def _sides(results: Row) -> str:
    rows = []
    for name, job in results["jobs"].items():
        for side in job["sides"]:
            label = (name, f"{side['peer']} {side['variant']}", side["precision"])
            if side["failure"] or not side["seconds"]:
                rows.append((*label, side["failure"], *[""] * 5))
                continue
            rows.append(
                (
                    *label,
                    f"{1e6 * _time(side):,.0f}",
                    f"{spread(side['seconds']):.0%}",
                    f"{side['difference']:.0e}",
                    f"{side['first_step']:.2f}",
                    f"{side['from_start']:.2f}",
                    f"{side['memory'] / 2**20:,.0f}",
                )
            )
    head = ("job", "side", "precision", "step, µs", "spread", "loss differs by")
    more = ("first step, s", "from process start, s", "peak memory, MiB")
    return _table("Every side", (*head, *more), rows)


def _peers(results: Row) -> str:
    imports = results.get("imports", {})
    rows = []
    for name, found in results["peers"].items():
        sizes = [found["size"], found["size_with_dependencies"]]
        cells = [f"{size / 2**20:,.0f}" for size in sizes]
        seconds = f"{median(imports[name]):.2f}" if name in imports else "–"
        rows.append((name, found["version"], *cells, seconds))
    bare = f"; a bare process takes {median(imports['nothing']):.2f} s" if imports else ""
    head = ("package", "version", "MiB alone", "MiB with dependencies", "import, s")
    return _table(f"Installed size and import{bare}", head, rows)


def _prompt(results: Row) -> str:
    rows = []
    for name, runs in results["runs"].items():
        seconds = [run["seconds"] for run in runs]
        accuracies = [run["accuracy"] for run in runs]
        span = f"{min(seconds):.2f}–{max(seconds):.2f}"
        end = f"{median(run['to_end'] for run in runs):.2f}"
        mean = f"{sum(accuracies) / len(runs):.2%}"
        rows.append((name, f"{median(seconds):.2f}", span, end, mean, f"{min(accuracies):.2%}"))
    head = ("side", "seconds", "range", "to the end", "mean test accuracy", "lowest")
    title = (
        f"From the shell prompt to the printed test accuracy on MNIST, network {results['network']}"
    )
    return _table(title, head, rows)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        return ""
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
