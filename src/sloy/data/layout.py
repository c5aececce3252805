"""Which folders in a folder of pictures are parts (train/, test/) and which are classes: the whole layout tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sloy.data.below import Below
from sloy.data.listing_words import few, names_of
from sloy.data.parts import TRAIN, part_meant, part_of
from sloy.errors import FileFormatError


def part_folders(path: Path, filled: Sequence[Below]) -> dict[str, Below]:
    """Part → its folder where the layout is that of parts, else nothing; refuses what could be either.

    Folders called after parts are parts when folders of classes are in them and either no other folder holds pictures,
    or several of them, `train/` among them, share classes. They are classes when they hold pictures directly, or when
    the other folders too are divided, but otherwise.
    """
    inner = {folder.name: folder.inner for folder in filled}
    named = [folder for folder in filled if part_of(folder.name) and inner[folder.name]]
    others = [f for f in filled if not part_of(f.name)]
    flat = [f for f in filled if part_of(f.name) and not inner[f.name]]
    if not named:
        _refuse_hidden_parts(path, filled)
        return {}
    parts: dict[str, Below] = {}
    for folder in named:
        if (part := part_of(folder.name)) in parts:
            raise FileFormatError(
                f"{path}: both {parts[part].name}/ and {folder.name}/ are for {part}; keep one."
            )
        parts[part] = folder
    classes = inner[parts[TRAIN].name] if TRAIN in parts else frozenset()
    alike = bool(classes) and all(inner[folder.name] & classes for folder in named)
    if classes and (not others or (len(named) > 1 and alike)):
        return parts
    if TRAIN not in parts and not others:
        missing = f"{flat[0].name}/ has no folders of classes in it" if flat else "no train/"
        raise FileFormatError(
            f"{path}: {names_of(named)} hold folders ({few(sorted(inner[named[0].name]))}) as parts do, but"
            f" {missing}; parts need a train/ with a folder for each class."
        )
    own = frozenset().union(*(inner[folder.name] for folder in named))
    divided = [folder for folder in others if inner[folder.name]]
    if len(named) == 1 and divided and not any(inner[folder.name] & own for folder in others):
        return {}
    raise FileFormatError(
        f"{path}: {names_of(named)} could be parts with the classes {few(sorted(own))}, or classes beside"
        f" {names_of(others)}. If parts, move {names_of(others)} away or name {path / named[0].name}; if classes,"
        f" rename {names_of(named)}."
    )


def parts_within(path: Path, filled: Sequence[Below]) -> list[tuple[Path, str, str]]:
    """The samples where each class's folder is divided into parts: rose/train, rose/test, tulip/train …"""
    parted = [folder for folder in filled if TRAIN in {part_of(name) for name in folder.inner}]
    within = [
        (file, folder.name, part_of(file.relative_to(folder.folder).parts[0]) or "")
        for folder in filled
        for file in folder.pictures
    ]
    if not parted or all(part for *_, part in within):
        return within if parted else []
    other = next(file for file, _, part in within if not part)
    raise FileFormatError(
        f"{path}: {parted[0].name}/ is divided into parts ({few(sorted(parted[0].inner))}), but"
        f" {other.relative_to(path)} is in none; divide each class so, or none."
    )


def _refuse_hidden_parts(path: Path, filled: Sequence[Below]) -> None:
    """Refuse `seg_train/` and `seg_test/` as classes."""
    meant = {folder.name: part_meant(folder.name) for folder in filled}
    divided = [folder for folder in filled if folder.inner and meant[folder.name]]
    found = {meant[folder.name] for folder in divided}
    if TRAIN in found and len(found) > 1:
        raise FileFormatError(
            f"{path}: {names_of(divided)} look like parts of a data set; call them train/ and test/ (val/), with a"
            " folder for each class in them."
        )
