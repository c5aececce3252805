"""What is said of columns that are taken as words, though their cells hold numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from sloy.data.tables import dates, numerals
from sloy.data.tables.hints import option
from sloy.data.tables.profile import FEW_STRAYS, FEW_WORDS, HALF, MOSTLY, Profile, listed

MOST_UNITS = 6  # words beside the numbers of a column that a note tells of; more are codes
SEEN = 100  # words of a column that are looked at for what they have in common
_FRACTION = re.compile(r"\d+(?:[.,]\d+)?\s*/\s*\d+")  # 7/10


def mixture(profile: Profile, read: int, unread: Sequence[str]) -> tuple[str, ...]:
    """A note where some cells are numbers and others not, or all with units that differ.

    Parameters
    ----------
    profile : Profile
    read : int
        How many cells are numbers.
    unread : sequence of str
        Words that are none.
    """
    if several := numbers_with_units(profile):
        return (f"`{profile.name}`: {several}: taken as names",)
    if not read:
        seen = list(profile.odd)[:SEEN]
        if len(seen) > FEW_STRAYS and dates.look_like_dates(seen):
            return (
                f"`{profile.name}`: words that look like dates, which no one format reads ({listed(seen[:2])}): taken"
                f" as names; {option('date', profile.name + '=FORMAT')} says how dates are written",
            )
        fractions = [word for word in seen if _FRACTION.fullmatch(word)]
        plenty = len(profile.odd) > FEW_WORDS or len(fractions) > FEW_STRAYS
        if plenty and (beside := _beside_digits(fractions or seen)):
            return (
                f"`{profile.name}`: numbers with {beside!r} beside them, which is not read ({listed(seen[:2])}): taken"
                " as names",
            )
        return ()
    shown = listed(list(unread[:3]))
    return (
        f"`{profile.name}`: {read} of {profile.cells} cells are numbers, the others are not ({shown}): taken as"
        f" names; {option('numeric', profile.name)} takes the others as missing",
    )


def _beside_digits(words: Sequence[str]) -> str:
    """What stands beside the digits of words, the same in nine of ten; empty for others, and codes with zeros."""
    left = Counter(re.sub(r"[\d.,\s]+", " ", word).strip() for word in words)
    codes = any(re.search(r"(?<![\d.,])0\d", word) for word in words)
    beside, count = left.most_common(1)[0]
    if codes or count < MOSTLY * len(words) or not any(map(str.isdigit, "".join(words))):
        return ""
    points = any(re.search(r"\d[.,]\d", word) for word in words)
    return "" if beside.isalpha() and not points else beside  # A12 is a code


def numbers_with_units(profile: Profile) -> str:
    """What a column of numbers holds that have several units beside them, "70 kg" and "500 g"; empty for others."""
    first: dict[str, str] = {}
    cells = Counter[str]()
    for word, count in profile.odd.items():
        unit = numerals.unit_of(word)
        first.setdefault(unit, word)
        cells[unit] += count
    del cells[""]
    if not 2 <= len(cells) <= MOST_UNITS or cells.total() < HALF * profile.cells:
        return ""
    return (
        f"numbers with several units ({listed([first[unit] for unit, _ in cells.most_common(2)])})"
    )
