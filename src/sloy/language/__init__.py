"""In which language readers are told what was found: texts of `theory` and `lecture`, titles of their figures.

Every such text is written in English where it is used, as ``say("{units} units, error {error:.2g}", units=5,
error=0.1)``; `russian` holds the same sentences in Russian. Errors, options and docstrings are English.

>>> say("picture")
'picture'
>>> with speak("ru"):
...     say("picture")
'картинка'
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cache
from types import TracebackType

from sloy.errors import UnknownName

__all__ = ["LANGUAGES", "counted", "of_locale", "say", "speak", "spoken"]

LANGUAGES = {"en": "", "ru": "sloy.language.russian"}  # name → where its sentences are

_spoken = "en"


def spoken() -> str:
    """The language that is spoken now: ``"en"`` unless `speak` said otherwise."""
    return _spoken


class speak:  # noqa: N801 - used like a function, and in `with`
    """Speak a language from now on, or within a ``with`` block.

    It changes what results print and what figures of `theory` and `lecture` are labelled with, never a number.

    Parameters
    ----------
    language : "en" or "ru"

    Raises
    ------
    UnknownName
        For a language that sloy does not speak.

    Examples
    --------
    >>> with speak("ru"):
    ...     spoken()
    'ru'
    >>> spoken()
    'en'
    """

    def __init__(self, language: str) -> None:
        global _spoken
        if language not in LANGUAGES:
            raise UnknownName(
                f"speak: `language` (={language!r}) must be one of {', '.join(LANGUAGES)}."
            )
        self._before, _spoken = _spoken, language

    def __enter__(self) -> speak:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        global _spoken
        _spoken = self._before


def say(sentence: str, /, **values: object) -> str:
    """A sentence in the language that is spoken, with values in its fields.

    Parameters
    ----------
    sentence : str
        In English; with fields, such as ``{loss:.3f}``, where there are values.
    **values
        Of the fields.

    Examples
    --------
    >>> say("largest error {error:.2f}", error=0.125)
    'largest error 0.12'
    """
    found = sentence if _spoken == "en" else _sentences(_spoken).get(sentence, sentence)
    return found.format(**values) if values else found


def counted(number: int, noun: str) -> str:
    """So many of something, the noun in the form that the number asks for.

    Parameters
    ----------
    number : int
        Written with the thousands apart.
    noun : str
        English, of one.

    Examples
    --------
    >>> counted(1, "neuron"), counted(4000, "neuron")
    ('1 neuron', '4 000 neurons')
    >>> with speak("ru"):
    ...     [counted(number, "neuron") for number in (1, 3, 11, 25)]
    ['1 нейрон', '3 нейрона', '11 нейронов', '25 нейронов']
    """
    shown = f"{number:,}".replace(",", " ")
    if _spoken == "en" or noun not in _nouns(_spoken):
        return f"{shown} {noun if number == 1 else _plural(noun)}"
    return f"{shown} {_nouns(_spoken)[noun][_russian_form(number)]}"


def of_locale() -> str:
    """The language of the user's locale (LC_ALL, LC_MESSAGES, LANG) where sloy speaks it, else English."""
    import locale  # here, as it takes milliseconds and `import sloy` speaks English

    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            found = locale.normalize(value).split("_")[0].lower()
            return found if found in LANGUAGES else "en"
    return "en"


def _plural(noun: str) -> str:
    """Neurons, passes."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _russian_form(number: int) -> int:
    """0 for 1, 21, 31, …; 1 for 2 to 4, 22 to 24, …; 2 for the rest."""
    last, teens = abs(number) % 10, abs(number) % 100 in range(11, 15)
    if last == 1 and not teens:
        return 0
    return 1 if last in (2, 3, 4) and not teens else 2


@cache
def _sentences(language: str) -> dict[str, str]:
    return importlib.import_module(LANGUAGES[language]).SENTENCES


@cache
def _nouns(language: str) -> dict[str, Sequence[str]]:
    return importlib.import_module(LANGUAGES[language]).NOUNS
