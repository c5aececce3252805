"""Names of classes as other tools write them down: a line each, JSON, or a mapping from numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sloy.arguments import path_of
from sloy.data.imagenet import imagenet_classes
from sloy.errors import FileFormatError
from sloy.text import literal

LARGEST_TEXT = 1 << 24  # characters that are read
IMAGENET = "imagenet"


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """The names of classes in a file, in the order of their numbers.

    Parameters
    ----------
    path : str or Path
        A text file with a name in each line; or JSON: a list, a mapping of numbers to names or of names to numbers,
        also as ``id2label`` or ``names`` in a larger document, such as Hugging Face's ``config.json``. "imagenet",
        where there is no such file, stands for `imagenet_classes`.

    Raises
    ------
    FileFormatError
        Where it holds no names; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "labels.txt").write_text("cat\\ndog\\n")
    ...     read_class_names(Path(folder, "labels.txt"))
    ('cat', 'dog')
    """
    path = path_of("read_class_names", "path", path)
    if str(path) == IMAGENET and not path.exists():
        return imagenet_classes()
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise FileFormatError(f"{path}: is no text in UTF-8.") from None
    if len(text) > LARGEST_TEXT:
        raise FileFormatError(f"{path}: holds more than {LARGEST_TEXT} characters.")
    if text.lstrip().startswith(("[", "{")):
        value = value_of(text)
        inner = value if isinstance(value, Mapping) else {}
        value = next((inner[key] for key in ("id2label", "names") if key in inner), value)
        names = names_in(value)
    else:
        names = tuple(line.strip() for line in text.strip().splitlines())
    if not names or not all(names):
        raise FileFormatError(
            f"{path}: holds no names of classes; a name in each line is taken, or a list or a mapping of numbers to"
            " names in JSON."
        )
    return names


def value_of(text: str | None) -> Any:
    """The value that a text of JSON or of Python's literals stands for; the text itself where it is neither."""
    if text is None or len(text) > LARGEST_TEXT:
        return None
    for read in (json.loads, literal):
        with suppress(ValueError, RecursionError):
            return read(text)
    return text


def names_in(value: Any) -> tuple[str, ...]:
    """Names of classes in order: of a list, of lines, of a mapping from numbers, of ImageNet's pairs; () of others.

    Examples
    --------
    >>> names_in({"1": "dog", "0": "cat"}), names_in({"cat": 0, "dog": 1}), names_in({"0": ["n01440764", "tench"]})
    (('cat', 'dog'), ('cat', 'dog'), ('tench',))
    """
    if isinstance(value, str) and "\n" in value.strip():
        value = value.strip().splitlines()
    if isinstance(value, Mapping):
        if all(type(number) is int for number in value.values()):
            value = {number: name for name, number in value.items()}
        try:
            value = {int(number): name for number, name in value.items()}
        except (TypeError, ValueError, OverflowError):  # infinity is a number to JSON
            return ()
        if sorted(value) != list(range(len(value))):
            return ()
        value = [value[number] for number in range(len(value))]
    if not isinstance(value, list | tuple):
        return ()
    plain = [item[-1] if isinstance(item, list | tuple) and item else item for item in value]
    return tuple(plain) if all(isinstance(item, str) for item in plain) else ()
