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
from sloy.language import Sentence, counted, say, speak

ORDER = ("error", "warning", "note")
MARKS = {"error": "#b00020", "warning": "#8a5a00", "note": "#4a5560"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes
    ----------
    rule : Rule
        What found it; its limits, causes and remedies.
    said : Sentence
        What was found, with the numbers.
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
    own_causes, own_remedies : tuple of str
        In place of the rule's.
    """

    rule: Rule
    said: Sentence
    measured: float
    severity: Severity
    since: int = 0
    cured: int | None = None
    layer: str = ""
    under: str = ""
    proofs: tuple[Proof, ...] = ()
    own_causes: tuple[str, ...] = ()
    own_remedies: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Of the rule, such as "D08"."""
        return self.rule.id

    @property
    def name(self) -> str:
        """Of the rule, such as "step too large", in the language that is spoken."""
        return say(self.rule.name)

    @property
    def sentence(self) -> str:
        """What was found, in the language that is spoken, as all words of a finding."""
        return str(self.said)

    @property
    def harm(self) -> str:
        """The severity in words."""
        return say(self.severity)

    @property
    def causes(self) -> list[str]:
        """What may be behind it."""
        return [say(words) for words in self.own_causes or self.rule.causes]

    @property
    def remedies(self) -> list[str]:
        """What helps."""
        return [say(words) for words in self.own_remedies or self.rule.remedies]

    @property
    def state(self) -> str:
        """Since when, and whether still."""
        if self.cured is not None:
            return say(
                "from step {since} to {cured}, then no more", since=self.since, cured=self.cured
            )
        return say("since step {since}", since=self.since) if self.since else say("from the start")

    def to_json(self) -> dict[str, Any]:
        """As JSON values: in English, and with what the sentence is made of in any language."""
        with speak("en"):
            sentence = self.sentence
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
            "sentence": sentence,
            "said": self.said.to_json(),
            "causes": list(self.own_causes or self.rule.causes),
            "remedies": list(self.own_remedies or self.rule.remedies),
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
        if not self.findings:
            return say(
                "nothing is wrong: {rules}, {readings} in {steps}",
                rules=counted(self.rules, "rule"),
                readings=counted(self.readings, "reading"),
                steps=counted(self.steps, "step"),
            )
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
                "said?": Sentence.SCHEMA,
                "under": str,
                "causes?": [str],
                "remedies?": [str],
                "proofs": [
                    {
                        "said?": dict.fromkeys(("words", "start"), Sentence.SCHEMA),
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
            same = {n: one[n] for n in ("severity", "since", "cured", "layer", "under")}
            said = Sentence.of_json(one["said"]) if "said" in one else Sentence(one["sentence"])
            measured = float("nan") if one["measured"] is None else float(one["measured"])
            own: dict[str, Any] = {
                f"own_{name}": tuple(one[name])
                for name in ("causes", "remedies")
                if name in one and tuple(one[name]) != getattr(rule, name)
            }
            findings.append(Finding(rule, said, measured=measured, proofs=proofs, **same, **own))
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
    roots: dict[str, str] = {}  # finding → what explains it before all that its rule names
    for rule in rules:
        with np.errstate(all="ignore"):  # of runs that ran away
            hit = rule.find(evidence)
        if hit is not None:
            found.append(
                Finding(
                    rule,
                    hit.sentence,
                    hit.measured,
                    hit.severity,
                    hit.since,
                    hit.cured,
                    hit.layer,
                    own_causes=hit.causes,
                    own_remedies=hit.remedies,
                )
            )
            roots |= dict.fromkeys(hit.explains if hit.severity != "note" else (), rule.id)
    causes = {finding.id: finding for finding in found if finding.severity != "note"}
    placed = [replace(one, under=_top(one, causes, roots)) for one in found]
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


def _top(finding: Finding, causes: dict[str, Finding], roots: Mapping[str, str]) -> str:
    """What explains a finding, and is not itself explained by something else; "" of none."""
    if finding.id in roots:
        return roots[finding.id]
    for cause in finding.rule.after:
        if cause in causes and roots.get(cause) != finding.id:
            return _top(causes[cause], causes, roots) or cause
    return ""


def _line(finding: Finding) -> str:
    remedy = next((proof for proof in finding.proofs if proof.proved), None)
    tail = f" → {remedy.words if remedy else finding.remedies[0]}"
    tail = "" if finding.cured is not None or finding.under else tail
    return f"{finding.harm}: {finding.name} ({finding.id}): {finding.sentence}{tail}"


def _rows(finding: Finding) -> list[tuple[str, str]]:
    rows = [
        (finding.harm, f"{finding.name} ({finding.id}): {finding.sentence}"),
        (say("when"), finding.state),
    ]
    if finding.under:
        rows.append((say("because"), say("of {cause}, above", cause=finding.under)))
    elif finding.causes:
        rows.append((say("because"), say(" or ").join(finding.causes)))
    proved = [proof for proof in finding.proofs if proof.proved and proof.command]
    if finding.proofs:
        rows += [(say("tried"), str(proof)) for proof in finding.proofs]
        rows += [(say("do"), proof.command) for proof in proved]
    elif not finding.under:
        rows.append((say("remedy"), "; ".join(finding.remedies)))
    return rows


def _html(finding: Finding) -> str:
    (_, head), *rest = _rows(finding)
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in rest)
    indent = "margin-left: 2em" if finding.under else ""
    colour = MARKS[finding.severity]
    return (
        f'<section style="{indent}"><p><strong style="color: {colour}">{escape(finding.harm)}</strong>'
        f" {escape(head)}</p><dl>{body}</dl></section>"
    )
