"""What goes wrong in a run, in words: rules on what the probe reads, findings under their cause, remedies tried."""

from sloy.diagnosis.callback import Diagnosis
from sloy.diagnosis.diagnosing import diagnose
from sloy.diagnosis.report import Finding, Report
from sloy.diagnosis.rules import RULES, Rule

__all__ = ["RULES", "Diagnosis", "Finding", "Report", "Rule", "diagnose"]
