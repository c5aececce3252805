"""Pickles read as data: a machine for the opcodes that a state dict needs, which can call nothing.

Python's own unpickler runs what the file names. This one knows dictionaries, lists, tuples, texts and numbers; a class
or function that a pickle names stays a name (`Named`), a call of it becomes a `Call` to be looked at. No name is looked
up, so nothing in the file can be executed.

A `pickle.Unpickler` with a harmless `find_class` calls nothing either, but has no bounds: the one in C reserves tens
of gigabytes for a memo index of 2³² - 1 and hashes whatever is a key, which for 60 tuples, each of twice the one
before, never ends. The one in Python is private, and half of its opcodes would have to be replaced.

References
----------
.. [1] Python Software Foundation, "pickletools": the opcodes, their arguments and their stack effects.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

LARGEST = 16 << 20  # bytes of a pickle: that of a network with 1000 tensors has about 200 kB
_MOST_OPCODES = 1 << 21  # that network's has about 40 000
_LONGEST_INTEGER = 32  # bytes
_LARGEST_KEY = (
    1 << 60
)  # below it integers are their own hashes: no file can make thousands of keys collide


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names: ``collections.OrderedDict``."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """A call that a pickle asks for, and that is not made."""

    function: Named
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Persistent:
    """A reference to something outside of the pickle, such as a tensor's storage."""

    identifier: Any


class _Mark:
    """What stands on the stack before the parts of something yet to be made."""


class PickleError(ValueError):
    """Not a pickle of plain data; the message is the reason."""


def read_pickle(data: bytes) -> tuple[Any, int]:
    """The value of the pickle at the beginning of `data`, and the number of its bytes.

    Parameters
    ----------
    data : bytes
        At most `LARGEST` of them are looked at.

    Returns
    -------
    value : dict, list, tuple, str, bytes, int, float, bool, None, Named, Call or Persistent
        An ``OrderedDict`` is a dict.
    end : int
        Where the pickle ends.

    Raises
    ------
    PickleError
        Where it is truncated, larger than `LARGEST`, or asks for more than this machine does.

    Examples
    --------
    >>> import os, pickle
    >>> read_pickle(pickle.dumps({"a": [1, (2.5, None)]}, protocol=2))[0]
    {'a': [1, (2.5, None)]}
    >>> read_pickle(b"cos\\nsystem\\n(S'echo pwned'\\ntR.")[0]
    Call(function=Named(name='os.system'), arguments=('echo pwned',))
    """
    source = BytesIO(data[:LARGEST])
    machine = _Machine()
    try:
        with warnings.catch_warnings(action="ignore"):  # of unknown escapes in texts
            for count, (opcode, argument, _) in enumerate(pickletools.genops(source)):
                if count == _MOST_OPCODES:
                    raise PickleError(f"the pickle has more than {_MOST_OPCODES} opcodes")
                machine.step(opcode.name, argument)
        return machine.pop(), source.tell()
    except PickleError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"the pickle is damaged ({str(error)[:80]})"
        raise PickleError(reason) from None


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.pairs = 0  # taken out of lists, which a pickle may name again and again

    def pop(self) -> Any:
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        """What stands above the last mark, taken off with it."""
        mark = len(self.stack) - 1
        while not isinstance(self.stack[mark], _Mark):
            mark -= 1
            if mark < 0:
                raise PickleError("the pickle is damaged (a mark is missing)")
        found = self.stack[mark + 1 :]
        del self.stack[mark:]
        return found

    def step(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            if isinstance(argument, int) and argument.bit_length() > 8 * _LONGEST_INTEGER:
                raise PickleError("the pickle holds an integer of no use here")
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[int(argument)])
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise PickleError(f"the pickle uses {name}, which plain data does not need")

    def global_(self, argument: str) -> None:
        self.stack.append(Named(argument.replace(" ", ".", 1)))

    def stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise PickleError("the pickle is damaged (a name is no text)")
        self.stack.append(Named(f"{module}.{name}"))

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise PickleError("the pickle is damaged (its stack is empty)")
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.stack.append(values)

    def reduce(self, _: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise PickleError("the pickle is damaged (what it calls is no function)")
        if function.name == "collections.OrderedDict":
            self.stack.append({})
            for pairs in arguments:  # one list, as Python 2 wrote it, or none
                self.pairs += len(pairs)
                if not isinstance(pairs, list) or self.pairs > _MOST_OPCODES:
                    raise PickleError("the pickle is damaged (the items of an OrderedDict)")
                self.set_items([part for key, value in pairs for part in (key, value)])
        else:
            self.stack.append(Call(function, arguments))

    def build(self, _: Any) -> None:
        """Attributes of an object: of a dictionary they say nothing about its contents."""
        self.pop()
        if not isinstance(self.stack[-1], dict):
            raise PickleError("the pickle gives attributes to an object that is not a dictionary")

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise PickleError("the pickle is damaged (keys without a dictionary)")
        if not all(map(_is_key, pairs[::2])):
            raise PickleError("the pickle has a key that is neither a text nor an integer")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def dict_(self, _: Any) -> None:
        pairs = self.since_mark()
        self.stack.append({})
        self.set_items(pairs)

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise PickleError("the pickle is damaged (elements without a list)")
        self.stack[-1].extend(values)


def _is_key(value: Any) -> bool:
    """Whether hashing it is cheap, and its hash not of a file's choosing."""
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < _LARGEST_KEY)


_IGNORED = ("PROTO", "FRAME", "STOP")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "MARK": _Mark}


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": lambda m, _: m.stack.append(Persistent(m.pop())),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "LIST": lambda m, _: m.stack.append(m.since_mark()),
    "DICT": _Machine.dict_,
    "SETITEM": lambda m, _: m.set_items(_pair(m)),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
    "POP": lambda m, _: m.pop(),
}
