"""A model as one HTML file in which it runs: what the page's scripts are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np

from sloy.data.tables import TableReader
from sloy.errors import NotAvailable
from sloy.exchange.raw import raw_of
from sloy.exchange.source.javascript import (
    LARGEST,
    PRECISIONS,
    Precision,
    network_script,
    rounded,
    script,
)
from sloy.language import say
from sloy.model.exchange import after, answering, exported_graph
from sloy.model.page_texts import texts
from sloy.model.page_told import Known, answer_told, input_told, layers_told, sample_told
from sloy.model.parts import Parts
from sloy.pages import document
from sloy.pages import script as page_script
from sloy.problem.summary import said_size
from sloy.text import count, visible
from sloy.version import __version__

EXACT, HALF = 1_500_000, 5_000_000  # bytes of weights up to which they stay float32, or float16
SCRIPTS = (
    *("widgets.js", "plane.js", "grid.js", "drop.js"),
    *("pictures.js", "inputs.js", "network.js", "layers.js", "charts.js"),
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    name : str
        Of its anchor.
    title : str
    html : str
    """

    name: str
    title: str
    html: str


def precision_for(parts: Parts) -> Precision:
    """The most exact numbers with which a file stays small: float32 to 1.5 MB, float16 to 5 MB, else int8.

    Raises
    ------
    NotAvailable
        Where even int8 is too large.
    """
    numbers = sum(array.size for array in parts.parameters.values())
    if numbers * PRECISIONS["float32"] <= EXACT:
        return "float32"
    if numbers * PRECISIONS["float16"] <= HALF:
        return "float16"
    if numbers > LARGEST:
        raise NotAvailable(
            f"the network has {count(numbers)} numbers; a page holds at most {count(LARGEST)}."
        )
    return "int8"


def as_stored(parts: Parts, precision: Precision) -> Parts:
    """The model with the weights that a page has."""
    found = {name: rounded(np.asarray(a), precision) for name, a in parts.parameters.items()}
    return parts._replace(parameters=found)


def page(
    parts: Parts,
    *,
    title: str,
    precision: Precision | Literal["auto"] = "auto",
    known: Known | None = None,
    first: Sequence[Section] = (),
    last: Sequence[Section] = (),
) -> str:
    """The file's text, in the language that is spoken.

    Parameters
    ----------
    parts : Parts
    title : str
    precision : "auto", "float32", "float16" or "int8"
        Of weights; see `precision_for`.
    known : Known, optional
    first, last : sequence of Section
        Before and behind the running network.

    Raises
    ------
    NotAvailable
        Where the network is too large, or an op has no JavaScript.
    """
    known = known or Known()
    kept = precision_for(parts) if precision == "auto" else precision
    raw = raw_of(parts.reader, parts.problem.preprocessing, parts.problem.data_dtype)
    graph = exported_graph(after(parts.problem, raw), 1)
    layers = layers_told(parts, graph)
    answer = answering(graph)
    network = network_script(
        graph,
        [answer, *(layer["output"] for layer in layers)],
        dict(parts.parameters),
        precision=kept,
    )
    told = {
        "texts": texts(),
        "input": input_told(parts, known, ahead=raw is not None and raw is not parts.reader),
        "answer": answer_told(parts, answer, graph),
        "layers": layers,
        "samples": [sample_told(parts, one) for one in known.samples],
        "wrong": [sample_told(parts, one) for one in known.wrong],
        "curves": [],
        **known.told,
    }
    running = (
        f'"use strict";\nconst network = (() => {{\n{network}\n'
        "const ready = started(layout, weights, forward, kernels);\nreturn { ...ready, layout };\n})();\n"
        "for (const layer of told.layers)\n  for (const [key, name] of Object.entries(layer.named || {}))\n"
        "    if (name in network.layout.parameters) layer[key] = network.layout.parameters[name];\n"
    )
    without = say("This page computes with JavaScript.")
    place = f'<div id="network" tabindex="-1"><noscript>{escape(without)}</noscript></div>'
    sections = [
        *first,
        Section("try", say("Try it"), place),
        *([Section("inside", say("Layer by layer"), '<div id="layers"></div>')] if layers else []),
        *last,
    ]
    links = "".join(f'<li><a href="#{s.name}">{escape(s.title)}</a></li>' for s in sections)
    main = "\n".join(
        f'<section id="{s.name}"><h2>{escape(s.title)}</h2>{s.html}</section>' for s in sections
    )
    table = (
        [script("given.js"), script("table.js")] if isinstance(parts.reader, TableReader) else []
    )
    scripts = [page_script(name) for name in SCRIPTS]
    nav = f'<nav aria-label="{escape(say("parts of the page"))}"><ul>{links}</ul></nav>'
    return document(
        title=title,
        above=f"sloy {__version__}",
        lead=nav,
        main=main,
        foot=say("Everything is computed in this page; nothing is loaded or sent."),
        style=page_script("network.css"),
        told=told,
        scripts=[scripts[0], running, *table, *scripts[1:], "networkPage();"],
        kernels=True,
    )


# --- the model, described -------------------------------------------------------------------------


def describe(parts: Parts, precision: Precision) -> str:
    """Title and words of what the model is, as a list of HTML."""
    problem, network = parts.problem, parts.problem.network
    names = [visible(name) for name in parts.class_names]
    stored = f"{precision}, {said_size(PRECISIONS[precision] * network.parameter_count)}"
    named = f"{len(names)}: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}"
    rows = [
        *([(say("classes"), named)] if names else []),
        (say("loss"), str(problem.loss)),
        (say("weights in this page"), stored),
    ]
    label = escape(say("layers"))
    return (
        f'<div class="scroll network-table" role="region" tabindex="0" aria-label="{label}">'
        f"{network.summary()._repr_html_()}</div>{definitions(rows)}"
    )


def definitions(rows: Sequence[tuple[str, str]]) -> str:
    """Titles and words as a list of HTML."""
    cells = "".join(
        f"<dt>{escape(name)}</dt><dd>{_words(name, words)}</dd>" for name, words in rows
    )
    return f"<dl>{cells}</dl>"


def _words(name: str, words: str) -> str:
    """Words of a list; those of several lines in columns, which are moved by keyboard where they are wide."""
    if "\n" not in words:
        return escape(words)
    return f'<div class="columns" role="region" tabindex="0" aria-label="{escape(name)}">{escape(words)}</div>'
