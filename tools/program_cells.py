"""A program as the cells of a notebook: what it prints or draws is shown where a cell ends."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

PICTURE = re.compile(r"L\d+\..*(png|svg|gif|html)")  # a file that a row draws
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Instance:
    """Some value of a class."""

    kind: Any


def cells(code: str) -> list[str]:
    """Sources of cells, that of the imports first.

    A cell ends at a blank line between statements, and with whatever it shows: the object of
    ``figure.savefig("L3.png")``, or of ``print(found)`` where a notebook shows it better than as text.
    """
    lines, names = code.splitlines(), dict[str, Any]()
    found: list[list[str]] = []
    last = 0  # line of the statement before
    ends, imported = True, False  # whether that one ends its cell, and whether it is an import
    for statement in ast.parse(code).body:
        gap = lines[last : statement.lineno - 1]  # blank lines and comments
        imports = isinstance(statement, IMPORTS)
        if ends or ("" in gap and not (imported and imports)) or (imported and not imports):
            found.append([])
            gap = "\n".join(gap).strip("\n").splitlines()
        shown = shown_by(statement, names)
        found[-1] += gap + source(statement, shown or statement, lines)
        last, ends, imported = statement.end_lineno or 0, shown is not None, imports
        learn(statement, names)
    found[-1] += lines[last:]
    return ["\n".join(cell) for cell in found]


def source(statement: ast.stmt, shown: ast.expr | ast.stmt, lines: list[str]) -> list[str]:
    """Lines of what is shown, or of the whole statement, with the comment after the statement."""
    segment = ast.get_source_segment("\n".join(lines), shown) or ""
    after = lines[(statement.end_lineno or 0) - 1].encode()[statement.end_col_offset :].decode()
    first, *rest = (segment + after).splitlines()
    if shown.lineno > statement.lineno:  # it stood on a line of its own, further to the right
        rest = [line.removeprefix(" " * shown.col_offset) for line in rest]
    return [first, *rest]


def shown_by(statement: ast.stmt, names: dict[str, Any]) -> ast.expr | None:
    """What a notebook shows in place of a statement that draws or prints."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(drawn), [ast.Constant(str(path)), *_])):
            return drawn if PICTURE.fullmatch(path) else None
        case ast.Expr(ast.Call(ast.Name("print"), [printed], [])):
            what = meaning(printed, names)
            rich = isinstance(what, Instance) and hasattr(what.kind, "_repr_html_")
            return printed if rich else None
    return None


def learn(statement: ast.stmt, names: dict[str, Any]) -> None:
    """Keep what is known of the names that a statement binds."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            exec(compile(ast.Module([statement], []), "imports", "exec"), names)
        case ast.Assign([ast.Name(name)], value):
            names[name] = meaning(value, names)
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)):
            for target, value in zip(targets, values, strict=False):
                if isinstance(target, ast.Name):
                    names[target.id] = meaning(value, names)
        case ast.Assign([ast.Tuple(targets)], value):
            what = meaning(value, names)
            kinds = (
                get_args(what.kind)
                if isinstance(what, Instance) and get_origin(what.kind) is tuple
                else ()
            )
            for place, target in enumerate(targets):
                if isinstance(target, ast.Name):
                    names[target.id] = Instance(kinds[place]) if place < len(kinds) else None


def meaning(node: ast.expr, names: dict[str, Any]) -> Any:
    """What an expression stands for, as far as imports and annotations tell: itself, an `Instance`, or None."""
    match node:
        case ast.Name(name):
            return names.get(name)
        case ast.Attribute(value, name):
            owner = meaning(value, names)
            if not isinstance(owner, Instance):
                return None if owner is None else getattr(owner, name, None)
            member = inspect.getattr_static(owner.kind, name, None)
            if isinstance(member, property):
                return returned(member.fget)
            return member if inspect.isfunction(member) else None
        case ast.Call(function):
            called = meaning(function, names)
            return Instance(called) if inspect.isclass(called) else returned(called)
    return None


def returned(function: Callable[..., Any] | None) -> Instance | None:
    """What the annotation of a function says that it returns."""
    if not inspect.isfunction(function):
        return None
    whole = inspect.unwrap(function)
    annotation = whole.__annotations__.get("return")
    try:
        return Instance(
            eval(annotation, whole.__globals__) if isinstance(annotation, str) else annotation
        )
    except NameError:  # imported for type checkers alone
        return None
