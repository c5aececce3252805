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
import math
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from string import Formatter
from types import ModuleType, TracebackType
from typing import Any, ClassVar

from sloy import text
from sloy.errors import FileFormatError, UnknownName
from sloy.text import shown

__all__ = [
    "LANGUAGES",
    "Sentence",
    "counted",
    "of_locale",
    "say",
    "sentence",
    "speak",
    "spoken",
]

LANGUAGES = {"en": "", "ru": "sloy.language.russian"}  # name → where its sentences are
_PLAIN = re.compile(r"[+,]?(\.\d)?[dgfe%]?").fullmatch  # how sentences write their values

_spoken = "en"
_own = (
    threading.local()
)  # what another thread than the main one speaks, where it is another language


def spoken() -> str:
    """The language that is spoken now: ``"en"`` unless `speak` said otherwise."""
    return getattr(_own, "spoken", None) or _spoken


def _set(language: str | None) -> None:
    """From now on: in the main thread of all threads, in another one of that thread alone."""
    global _spoken
    if threading.current_thread() is threading.main_thread():
        _spoken = language or "en"
    else:
        _own.spoken = language


class speak:  # noqa: N801 - used like a function, and in `with`
    """Speak a language from now on, or within a ``with`` block.

    It changes what results print and what figures of `theory` and `lecture` are labelled with, never a number. What the
    main thread speaks, all threads do; what another one speaks, is spoken in that one alone.

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
        if not isinstance(language, str) or language not in LANGUAGES:
            raise UnknownName(
                f"speak: `language` (={shown(language)}) must be one of {', '.join(LANGUAGES)}."
            )
        main = threading.current_thread() is threading.main_thread()
        self._before: str | None = _spoken if main else getattr(_own, "spoken", None)
        _set(language)

    def __enter__(self) -> speak:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _set(self._before)


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
    now = spoken()
    found = sentence if now == "en" else _catalogue(now).SENTENCES.get(sentence, sentence)
    return found.format(**values) if values else found


@dataclass(frozen=True)
class Sentence:
    """A sentence that is said when somebody reads it, in the language that is spoken then; see `sentence`.

    Attributes
    ----------
    text : str
        English, with fields where there are values.
    values : mapping
        Of the fields: numbers, words, other sentences.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    SCHEMA: ClassVar[dict[str, Any]] = {"text": str, "values": {"*": object}}  # of `to_json`

    def __str__(self) -> str:
        return say(self.text, **self.values)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, from which `of_json` makes it again."""
        return {"text": self.text, "values": {n: _told(v) for n, v in self.values.items()}}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Sentence:
        """The sentence that `to_json` described.

        Raises
        ------
        FileFormatError
            Where its fields are not those of its values, or are written in another way than sentences do.
        """
        text = document["text"]
        try:
            values = {name: _read(value) for name, value in document["values"].items()}
            for _, name, how, conversion in Formatter().parse(text):
                if name is not None and (name not in values or conversion or not _PLAIN(how or "")):
                    raise ValueError(f"no value is named {name}")
            text.format(**values)
        except FileFormatError:  # of a sentence within
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise FileFormatError(
                f"the sentence {shown(text)} does not fit its values ({error})."
            ) from None
        return cls(text, values)


def sentence(text: str, /, **values: object) -> Sentence:
    """A sentence to be said later, when it is read.

    Examples
    --------
    >>> found = sentence("{words}, {start}", words="twice as many units", start=sentence("from now"))
    >>> str(found)
    'twice as many units, from now'
    >>> with speak("ru"):
    ...     str(found.values["start"])
    'с этого места'
    """
    return Sentence(text, values)


def _told(value: Any) -> Any:
    """A value of a sentence as JSON."""
    if isinstance(value, Sentence):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_told(one) for one in value]
    if isinstance(value, str | int):
        return value
    number = float(value)
    return number if math.isfinite(number) else {"number": str(number)}


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return float(value["number"]) if "number" in value else Sentence.of_json(value)
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, str | int | float):
        raise TypeError(f"{value!r} is no value of a sentence")
    return value


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
    from sloy.arguments import integer, word  # which need NumPy; help does not

    integer("counted", "number", number, 0)
    word("counted", "noun", noun)
    now = spoken()
    if now == "en" or noun not in _catalogue(now).NOUNS:
        return text.many(number, noun)
    catalogue = _catalogue(now)
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
