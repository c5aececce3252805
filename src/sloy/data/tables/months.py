"""Dates with months in words of several languages, as English writes them: what `strptime` reads."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from unicodedata import combining, normalize

ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# January to December; those of Russian, Ukrainian, Polish and Czech as dates have them, and alone.
NAMES = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber maerz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januar februar marts april maj juni juli august september oktober november december",
    "januar februar mars april mai juni juli august september oktober november desember",
    "januari februari maret april mei juni juli agustus september oktober november desember",
    "január február március április május június július augusztus szeptember október november december",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "ιανουάριος φεβρουάριος μάρτιος απρίλιος μάιος ιούνιος"
    " ιούλιος αύγουστος σεπτέμβριος οκτώβριος νοέμβριος δεκέμβριος",
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου"
    " ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου",
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "leden únor březen duben květen červen červenec srpen září říjen listopad prosinec",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
)
_SHORT = {
    "mrt": 2,
    "mrz": 2,
    "сент": 8,
    "sept": 8,
}  # abbreviations that are no beginnings, or of several
_BETWEEN = frozenset(
    ("de", "del", "of", "den", "di", "do", "г", "г.", "года", "р", "року", "r", "roku")
)
_WORD = re.compile(r"[^\W\d_]+\.?")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|er|re|º|ª|°)(?![^\W\d_])", re.IGNORECASE)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # which formats name
_WEEKDAY = re.compile(r"^[^\W\d_]+\.?,\s*")


def in_english(date: str) -> str:
    """A date with its month in words, as English has it: ``5 Jan 2020``, without what stands between.

    Examples
    --------
    >>> [in_english(date) for date in ("5. Januar 2020", "1er févr. 2021", "5 de mayo de 2020", "3 мая 2020 г.")]
    ['5 Jan 2020', '1 Feb 2021', '5 May 2020', '3 May 2020']
    """
    day = _WEEKDAY.match(date)
    if day and day[0][:3].lower() not in _DAYS and month_of(day[0].strip(" ,")) is None:
        date = date[day.end() :]
    said = _WORD.sub(_translated, _ORDINAL.sub("", date))
    return " ".join(re.sub(r"(?<=\d)\.(?=\s)", "", said).split())


def _translated(match: re.Match[str]) -> str:
    number = month_of(match[0])
    if number is not None:
        return ENGLISH[number]
    return "" if match[0].lower() in _BETWEEN else match[0]


@lru_cache(maxsize=4096)
def month_of(word: str) -> int | None:
    """The month, from 0, that a word names, or begins to (three letters at least); None where it is none, or two."""
    word = _folded(word.rstrip("."))
    if word in _months():
        return _months()[word]
    if len(word) < 3:
        return None
    found = {number for name, number in _months().items() if name.startswith(word)}
    return found.pop() if len(found) == 1 else None


@cache
def _months() -> dict[str, int]:
    """Name of a month, without its accents → its number, from 0."""
    full = {_folded(name): number for names in NAMES for number, name in enumerate(names.split())}
    return full | _SHORT


def _folded(word: str) -> str:
    plain = normalize("NFKD", word.casefold().replace("ı", "i"))
    return "".join(letter for letter in plain if not combining(letter))
