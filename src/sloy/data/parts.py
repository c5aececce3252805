"""Parts of a data set, by the names that folders and columns give them."""

from __future__ import annotations

import re

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")

WORDS = {  # a folder's name, or a cell of a column `split` → the part
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_GENERAL = frozenset(
    (
        "set",
        "data",
        "dataset",
        "image",
        "images",
        "imgs",
        "pictures",
        "photos",
        "pics",
        "folder",
        "split",
    )
)


def part_of(name: str) -> str:
    """The part that a folder's name stands for, maybe with words that say nothing: train, Test_set, val2017; or ""."""
    words = [word for word in _words(name) if word not in _GENERAL]
    return WORDS.get(words[0], "") if len(words) == 1 else ""


def part_meant(name: str) -> str:
    """The part that a name may mean, other words beside: seg_train; or ""."""
    return next((WORDS[word] for word in _words(name) if word in WORDS), "")


def _words(name: str) -> list[str]:
    found = re.findall(r"[^\W\d_]+", name.lower())
    return [w.removesuffix("set") if w.removesuffix("set") in WORDS else w for w in found]
