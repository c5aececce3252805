"""Layouts of folders of pictures in words: what is there, what is missing, what to do."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sloy.data.below import NAMELESS, Below, LeftOut, below, by_reason
from sloy.data.formats import is_picture_name
from sloy.data.other_kinds import BOXES, boxes_in, said_of_files
from sloy.data.parts import part_of
from sloy.text import many


def holds(folder: Below) -> str:
    """What a folder without pictures has instead."""
    if not folder.others:
        return "empty"
    counts: dict[str, int] = {}
    for _, noun, reason in folder.others:
        short = reason.split(", ", 1)[-1].split(" (")[0]
        what = {"link": "link", "picture": f"{short.split(' is ')[0]} file"}.get(noun, noun)
        what = f"broken {what}" if reason.endswith("broken") else what
        what = "picture without a suffix" if reason == NAMELESS else what
        counts[what] = counts.get(what, 0) + 1
    return ", ".join(_counted(count, what) for what, count in counts.items())


def _counted(count: int, what: str) -> str:
    noun, space, rest = what.partition(" without")
    return f"{many(count, noun)}{space}{rest}"


def _classes_in_names(path: Path, pictures: Sequence[Path]) -> str:
    """What to type where names such as cat.0.jpg tell classes."""
    found = [re.match(r"([^\W\d_]+)[\W\d_]*\d[\W\d_]*$", picture.stem) for picture in pictures]
    counts = Counter(match[1] for match in found if match)
    if len(counts) < 2 or None in found or min(counts.values()) < 2 or len(counts) > 100:
        return ""
    said = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())[:8])
    more = ", …" if len(counts) > 8 else ""
    command = r"ls | sed -E 's/^([[:alpha:]]+).*/&,\1/' > .labels && mv .labels labels.csv"
    where = shlex.quote(str(path))
    return f" Their names seem to tell them ({said}{more}); this makes the file: (cd {where} && {command})"


def what_is_missing(path: Path, folders: Sequence[Below]) -> str:
    """Why a folder without a CSV file is none of the forms."""
    filled = [folder for folder in folders if folder.pictures]
    loose = [entry for entry in path.iterdir() if is_picture_name(entry.name)]
    other = "".join(
        f"\n  {said_of(item)}" for item in by_reason(below(path).others) if item.noun != "file"
    )
    if empty := [f for f in folders if filled and f not in filled]:
        names = ", ".join(f"{folder.name} ({holds(folder)})" for folder in empty[:8])
        other = f"\n  without a picture that is read: {names}{other}"
    way = "put those of each class into a folder of its own, or list them in a CSV file of paths and labels."
    if found := boxes_in(path):
        what = "pictures" if filled or loose else "no pictures"
        return f"holds {what}, and {BOXES.format(found=found)}, in a CSV file of paths and labels."
    if not filled:
        what = "pictures, but none in folders" if loose else "no pictures"
        kinds = "" if loose else said_of_files(path)
        return f"holds {what}; {way}{_classes_in_names(path, loose)}{kinds}{other}"
    if (len(filled) > 1 or part_of(filled[0].name)) and not filled[0].inner:
        return f"{names_of(filled)} hold pictures, but no folders of classes; {way}{other}"
    hint = f"; did you mean {inner}?" if (inner := _deeper(filled[0])) else "."
    named = f"holds one class, {filled[0].name!r}; two or more folders of pictures are needed"
    return f"{named}{hint}{other}" if other or hint != "." else named


def _deeper(folder: Below) -> Path | None:
    """The first folder inside, through such as hold one only, that holds several."""
    for _ in range(8):
        if len(folder.inner) > 1:
            return folder.folder
        filled = [each for each in folder.folders() if each.pictures]
        if len(filled) != 1:
            return None
        folder = filled[0]
    return None


def said_of(item: LeftOut) -> str:
    return f"{many(len(item.paths), item.noun)} {item.reason}"


def names_of(folders: Sequence[Below]) -> str:
    names = [f"{folder.name}/" for folder in folders]
    shown = names if len(names) <= 5 else [*names[:4], "…"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def few(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
