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
from functools import cache
from types import ModuleType, TracebackType

from sloy import text
from sloy.arguments import integer, word
from sloy.errors import UnknownName
from sloy.text import shown

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
        if not isinstance(language, str) or language not in LANGUAGES:
            raise UnknownName(
                f"speak: `language` (={shown(language)}) must be one of {', '.join(LANGUAGES)}."
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
    found = sentence if _spoken == "en" else _catalogue(_spoken).SENTENCES.get(sentence, sentence)
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
    integer("counted", "number", number, 0)
    word("counted", "noun", noun)
    if _spoken == "en" or noun not in _catalogue(_spoken).NOUNS:
        return text.many(number, noun)
    catalogue = _catalogue(_spoken)
    return f"{text.count(number)} {catalogue.NOUNS[noun][catalogue.form(number)]}"


def of_locale() -> str:
    """The language of the user's locale (LC_ALL, LC_MESSAGES, LANG) where sloy speaks it, else English."""
    import locale  # here, as it takes milliseconds and `import sloy` speaks English

    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            found = locale.normalize(value).split("_")[0].lower()
            return found if found in LANGUAGES else "en"
    return "en"


@cache
def _catalogue(language: str) -> ModuleType:
    """SENTENCES, NOUNS, and `form`: which form of a noun a number asks for."""
    return importlib.import_module(LANGUAGES[language])
