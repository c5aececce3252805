"""`Finding` and `Report`: what is wrong, in the order of blame, as text, as JSON and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, ClassVar

import numpy as np

from sloy import text
from sloy.diagnosis.evidence import Evidence
from sloy.diagnosis.proof import Proof
from sloy.diagnosis.rules import RULES, Rule, Severity
from sloy.language import say

ORDER = ("error", "warning", "note")
MARKS = {"error": "#b00020", "warning": "#8a5a00", "note": "#4a5560"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes
    ----------
    rule : Rule
        What found it; its limits, causes and remedies.
    sentence : str
    measured : float
        What stands against the limits.
    severity : "error", "warning" or "note"
    since, cured : int, int or None
        Steps from which it holds, and from which it held no more.
    layer : str
    under : str
        The id of the finding that explains this one; "" of none.
    proofs : tuple of Proof
        Remedies that were tried.
    """

    rule: Rule
    sentence: str
    measured: float
    severity: Severity
    since: int = 0
    cured: int | None = None
    layer: str = ""
    under: str = ""
    proofs: tuple[Proof, ...] = ()

    @property
    def id(self) -> str:
        """Of the rule, such as "D08"."""
        return self.rule.id

    @property
    def name(self) -> str:
        """Of the rule, such as "step too large", in the language that is spoken."""
        return say(self.rule.name)

    @property
    def state(self) -> str:
        """Since when, and whether still."""
        if self.cured is not None:
            return f"from step {self.since} to {self.cured}, then no more"
        return f"since step {self.since}" if self.since else "from the start"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "id": self.id,
            "name": self.rule.name,
            "severity": self.severity,
            "since": self.since,
            "cured": self.cured,
            "layer": self.layer,
            "measured": self.measured,
            "limits": self.rule.limits,
            "healthy": self.rule.healthy,
            "sentence": self.sentence,
            "causes": list(self.rule.causes),
            "remedies": list(self.rule.remedies),
            "under": self.under,
            "proofs": [proof.to_json() for proof in self.proofs],
        }


@dataclass(frozen=True)
class Report:
    """The findings of a run, those first that explain the others.

    Attributes
    ----------
    findings : tuple of Finding
        Errors and warnings in the order of blame, then notes.
    steps : int
        Steps of the run that were done.
    readings : int
        How often it was looked at.

    Examples
    --------
    >>> print(Report((), 120, 14))
    nothing is wrong: 20 rules, 14 readings in 120 steps
    """

    findings: tuple[Finding, ...]
    steps: int
    readings: int
    rules: int = 20

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; None of none."""
        found = [finding.severity for finding in self.findings]
        return min(found, key=ORDER.index) if found else None

    @property
    def first(self) -> Finding | None:
        """What is most likely to blame: the first error or warning."""
        return next((one for one in self.findings if one.severity != "note"), None)

    def lines(self) -> list[str]:
        """A line for each finding, those that another explains indented under it."""
        return [("  " * bool(one.under)) + _line(one) for one in self._nested()]

    def __str__(self) -> str:
        looked = f"{self.rules} rules, {text.many(self.readings, 'reading')} in {text.many(self.steps, 'step')}"
        if not self.findings:
            return f"nothing is wrong: {looked}"
        return "\n\n".join(text.fields(_rows(finding)) for finding in self._nested())

    def _repr_html_(self) -> str:
        if not self.findings:
            return f"<p>{escape(str(self))}</p>"
        return "".join(map(_html, self._nested()))

    SCHEMA: ClassVar[dict[str, Any]] = {  # of what `to_json` gives, see sloy.files.documents
        "steps": int,
        "readings": int,
        "findings": [
            {
                "id": str,
                "severity": {"error", "warning", "note"},
                "since": int,
                "cured": (int, None),
                "layer": str,
                "measured": (float, None),
                "limits": {"*": float},
                "sentence": str,
                "under": str,
                "proofs": [
                    {
                        **dict.fromkeys(("words", "start", "command"), str),
                        **dict.fromkeys(("steps", "orders"), int),
                        **dict.fromkeys(("before", "after", "error"), (float, None)),
                        "proved": bool,
                    }
                ],
                "*": object,
            }
        ],
        "*": object,
    }

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "steps": self.steps,
            "readings": self.readings,
            "findings": [finding.to_json() for finding in self.findings],
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Report:
        """The report that `to_json` described, of the rules as they are now."""
        rules = {rule.id: rule for rule in RULES}
        findings = []
        for one in document["findings"]:
            rule = rules[one["id"]]
            rule = replace(rule, **{n: float(v) for n, v in one["limits"].items()})
            proofs = tuple(Proof.of_json(proof) for proof in one["proofs"])
            same = {n: one[n] for n in ("sentence", "severity", "since", "cured", "layer", "under")}
            measured = float("nan") if one["measured"] is None else float(one["measured"])
            findings.append(Finding(rule, measured=measured, proofs=proofs, **same))
        return cls(tuple(findings), int(document["steps"]), int(document["readings"]))

    def with_proofs(self, proofs: dict[str, tuple[Proof, ...]]) -> Report:
        """The same with remedies that were tried, by the ids of findings."""
        found = (replace(one, proofs=proofs.get(one.id, one.proofs)) for one in self.findings)
        return replace(self, findings=tuple(found))

    def _nested(self) -> list[Finding]:
        """Each finding, and after it those that it explains."""
        ids = {finding.id for finding in self.findings}
        tops = [one for one in self.findings if one.under not in ids]
        return [
            one for top in tops for one in (top, *(f for f in self.findings if f.under == top.id))
        ]


def judge(evidence: Evidence, rules: Sequence[Rule]) -> Report:
    """What the rules find in a run, in the order of blame.

    A finding is under the first of those that its rule names as explaining it; notes explain nothing.
    """
    found: list[Finding] = []
    for rule in rules:
        with np.errstate(all="ignore"):  # of runs that ran away
            hit = rule.find(evidence)
        if hit is not None:
            found.append(
                Finding(
                    rule, hit.sentence, hit.measured, hit.severity, hit.since, hit.cured, hit.layer
                )
            )
    causes = {finding.id: finding for finding in found if finding.severity != "note"}
    placed = [replace(one, under=_top(one, causes)) for one in found]
    place = {rule.id: number for number, rule in enumerate(rules)}
    placed.sort(
        key=lambda one: (
            one.severity == "note",
            place[one.under or one.id],
            one.under,
            place[one.id],
        )
    )
    return Report(tuple(placed), evidence.last.step, len(evidence.readings), len(rules))


def _top(finding: Finding, causes: dict[str, Finding]) -> str:
    """What explains a finding, and is not itself explained by something else; "" of none."""
    for cause in finding.rule.after:
        if cause in causes and cause != finding.id:
            return _top(causes[cause], causes) or cause
    return ""


def _line(finding: Finding) -> str:
    remedy = next((proof for proof in finding.proofs if proof.proved), None)
    tail = f" → {remedy.words}" if remedy else f" → {finding.rule.remedies[0]}"
    tail = "" if finding.cured is not None or finding.under else tail
    return f"{finding.severity}: {finding.name} ({finding.id}): {finding.sentence}{tail}"


def _rows(finding: Finding) -> list[tuple[str, str]]:
    rule = finding.rule
    rows = [
        (finding.severity, f"{finding.name} ({finding.id}): {finding.sentence}"),
        ("when", finding.state),
    ]
    if finding.under:
        rows.append(("because", f"of {finding.under}, above"))
    elif rule.causes:
        rows.append(("because", " or ".join(rule.causes)))
    if finding.proofs:
        rows += [("tried", str(proof)) for proof in finding.proofs]
        rows += [
            ("do", proof.command) for proof in finding.proofs if proof.proved and proof.command
        ]
    elif not finding.under:
        rows.append(("remedy", "; ".join(rule.remedies)))
    return rows


def _html(finding: Finding) -> str:
    (_, head), *rest = _rows(finding)
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in rest)
    indent = "margin-left: 2em" if finding.under else ""
    colour = MARKS[finding.severity]
    return (
        f'<section style="{indent}"><p><strong style="color: {colour}">{finding.severity}</strong> {escape(head)}</p>'
        f"<dl>{body}</dl></section>"
    )
