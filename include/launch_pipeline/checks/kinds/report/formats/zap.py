"""ZAP JSON: the alerts of a scan of web sites (templates traditional-json and traditional-json-plus)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import Hit, counted, never_ran
from launch_pipeline.checks.kinds.report.formats.zap_rules import (
    active_rules,
    rules_that_ran,
    sites_of,
    troubles,
    without_answer,
)
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]
_RISKS = {"3": "high", "2": "medium", "1": "low", "0": "informational"}
_FALSE_POSITIVE = {"0", "false positive"}
_NO_CRITICAL = "ZAP has no grade above high; compare high"
_NO_STATISTICS = "it has no statistics; use ZAP's template traditional-json-plus"
_UNLISTED = "it does not show that these rules ran (template traditional-json-plus has statistics that do):"


def read_zap(document: Object, rules: Sequence[str]) -> Parsed:
    """Grade the alerts of every site; without a sign that the sites answered, no count is known."""
    sites = sites_of(document)
    if not sites:
        message = "no site was scanned"
        raise ValueError(message)
    if not all(isinstance(site["alerts"], list) for site in sites):
        message = "a site has no list of alerts"
        raise ValueError(message)
    hits = [_hit(alert) for site in sites for alert in site["alerts"]]
    ran = rules_that_ran(document) | {name for hit in hits for name in hit.names}
    doubts = [
        *troubles(document),
        *without_answer(document, sites),
        *never_ran(rules, ran, _UNLISTED),
    ]
    counts = counted(hits, rules, doubts)
    facts = {name: count for name, count in counts.facts.items() if name != "critical"}
    attacks = active_rules(document)
    told = {"active_rules": _NO_STATISTICS} if attacks is None else {}
    return Parsed(
        "zap",
        facts
        | {"sites": _names(sites), "warnings": len(document.get("afPlanWarns") or [])}
        | ({} if attacks is None else {"active_rules": attacks}),
        generated_at=document.get("created") or document.get("@generated"),
        worst=counts.worst,
        unknown=counts.unknown | {"critical": _NO_CRITICAL} | told,
    )


def _names(sites: Sequence[Object]) -> list[str]:
    """Return the names of the sites as ZAP writes them: ``https://shop.example``, with an unusual port."""
    return sorted({str(site.get("@name") or "").strip().lower().rstrip("/") for site in sites} - {""})


def _hit(alert: Object) -> Hit:
    plugin, reference = (str(alert.get(key) or "").strip() for key in ("pluginid", "alertRef"))
    names = tuple(dict.fromkeys(name for name in (plugin, reference, reference.partition("-")[0]) if name))
    text = str(alert.get("name") or alert.get("alert") or "")
    grade = _grade(alert)
    doubt = "" if grade else f"the risk of {text or plugin} is not known"
    return Hit(names, grade, text, str(alert.get("confidence")).strip().lower() in _FALSE_POSITIVE, doubt)


def _grade(alert: Object) -> str:
    """Return the grade by the risk, as a number or a word; empty if it is none of ZAP's."""
    code = alert.get("riskcode")
    told = code if code is not None else str(alert.get("riskdesc") or "").partition("(")[0]
    word = str(told).strip().lower()
    return _RISKS.get(word) or (word if word in _RISKS.values() else "")
