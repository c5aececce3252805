"""The words of the rows' programs in Russian: what stands there in English, and what takes its place."""

PROGRAMS: dict[int, tuple[tuple[str, str], ...]] = {
    2: (('"AND"', '"И  "'), ('"OR "', '"ИЛИ"'), ('"NOT"', '"НЕ "')),
}
