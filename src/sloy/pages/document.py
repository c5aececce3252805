"""One HTML file, and the policy that allows just what is in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from sloy.arguments import flag, instance, integer, one_of, sample_array, sequence, word
from sloy.language import spoken
from sloy.text import script_json

FOLDER = Path(__file__).parent
MOST_DIGITS = 300  # behind the point, of numbers in a page


def script(name: str) -> str:
    """A file of this room: a script or a style."""
    return _files()[one_of("script", "name", name, tuple(_files()))]


@cache
def _files() -> dict[str, str]:
    """What is in the files of this room, by their names."""
    kinds = (".js", ".css", ".html")
    files = (file for file in sorted(FOLDER.iterdir()) if file.suffix in kinds)
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def document(
    *,
    title: str,
    main: str,
    foot: str = "",
    heading: str | None = None,
    above: str = "sloy",
    lead: str = "",
    style: str = "",
    told: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    kernels: bool = False,
) -> str:
    """The text of a file in the language that is spoken.

    Its policy lets it load nothing, and run no script and use no style but its own.

    Parameters
    ----------
    title, heading, above, foot : str
        Plain text: of the window, of the page (the title by default; none where it is ""), the line above it, the
        last line.
    lead, main : str
        HTML without scripts and without ``style`` attributes, which the policy would not let through.
    style : str
        Rules behind those that all pages share.
    told : mapping, optional
        What scripts find in ``told``, as JSON.
    scripts : sequence of str
        Their texts.
    kernels : bool
        Whether scripts may compile WebAssembly that they hold.
    """
    words = {
        "title": title,
        "main": main,
        "foot": foot,
        "above": above,
        "lead": lead,
        "style": style,
    }
    for key, value in words.items():
        word("document", key, value)
    word("document", "heading", heading, optional=True)
    sequence("document", "scripts", scripts, str)
    flag("document", "kernels", kernels)
    rules = script("page.css") + style
    run = [_hash(text) for text in scripts] + ["'wasm-unsafe-eval'"] * kernels
    policy = (
        f"default-src 'none'; style-src {_hash(rules)}; script-src {' '.join(run) or chr(39) + 'none' + chr(39)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    blocks = [f"<script>{text}</script>" for text in scripts]
    if told is not None:
        instance("document", "told", told, Mapping)
        data = f'<script type="application/json" id="told">{script_json(told)}</script>'
        blocks.insert(0, data)
    name = title if heading is None else heading
    head = f'<p class="row">{escape(above)}</p>\n<h1>{escape(name)}</h1>\n{lead}' if name else lead
    return Template(script("page.html")).substitute(
        language=spoken(),
        policy=policy,
        title=escape(title),
        header=f"<header>\n{head}\n</header>" if head else "",
        main=main,
        style=rules,
        footer=f"<footer>{escape(foot)}</footer>" if foot else "",
        scripts="\n".join(blocks),
    )


def plain(array: np.ndarray, digits: int | None = None) -> Any:
    """An array as lists for JSON; whole numbers without a point."""
    values = sample_array("plain", "array", array).astype(np.float64)
    digits = None if digits is None else integer("plain", "digits", digits, 0, MOST_DIGITS)
    values = values if digits is None else values.round(digits)
    whole = np.array_equal(values, values.round())
    return (values.astype(int) if whole else values).tolist()


def _hash(text: str) -> str:
    """What a policy calls an inline script or style by."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
