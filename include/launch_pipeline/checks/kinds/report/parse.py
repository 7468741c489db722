"""Reads a report of any format into facts; raises ValueError for anything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from launch_pipeline.checks.kinds.report.definition import ReportFormat
from launch_pipeline.checks.kinds.report.formats.cobertura import read_cobertura
from launch_pipeline.checks.kinds.report.formats.istanbul import read_istanbul
from launch_pipeline.checks.kinds.report.formats.jacoco import read_jacoco
from launch_pipeline.checks.kinds.report.formats.junit import read_junit
from launch_pipeline.checks.kinds.report.formats.lcov import read_lcov
from launch_pipeline.checks.kinds.report.formats.npm_audit import read_npm_audit
from launch_pipeline.checks.kinds.report.formats.sarif import read_sarif
from launch_pipeline.checks.kinds.report.formats.trivy import read_trivy
from launch_pipeline.checks.kinds.report.formats.zap import read_zap
from launch_pipeline.checks.reports.gatling import read_gatling
from launch_pipeline.checks.reports.k6 import read_k6
from launch_pipeline.checks.reports.locust import read_locust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree.ElementTree import Element

    from launch_pipeline.checks.reports.parsed import Parsed

_DEEPEST = 50
"""Levels of XML; nested test suites come to a handful."""
_OF_XML: dict[ReportFormat, Callable[[Element], Parsed]] = {
    ReportFormat.COBERTURA: read_cobertura,
    ReportFormat.JACOCO: read_jacoco,
}
_OF_TEXT: dict[ReportFormat, Callable[[str], Parsed]] = {ReportFormat.LCOV: read_lcov}
_OF_FINDINGS: dict[ReportFormat, Callable[[Any, Sequence[str]], Parsed]] = {
    ReportFormat.SARIF: read_sarif,
    ReportFormat.TRIVY: read_trivy,
    ReportFormat.ZAP: read_zap,
}
_OF_JSON: dict[ReportFormat, Callable[[Any], Parsed]] = {
    ReportFormat.K6: read_k6,
    ReportFormat.LOCUST: read_locust,
    ReportFormat.GATLING: read_gatling,
    ReportFormat.NPM_AUDIT: read_npm_audit,
    ReportFormat.ISTANBUL: read_istanbul,
}


class Malformed(ValueError):
    """A document that is not written in the format at all."""


def parse_report(form: ReportFormat, content: bytes, rules: Sequence[str], require: Sequence[str]) -> Parsed:
    """Read a report; raises ValueError if it proves nothing, Malformed if it is not of this format."""
    try:
        return _parsed(form, content, rules, require)
    except ValueError:
        raise
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        # Any value may be missing, or have another type than the format says.
        message = f"it has another structure ({type(error).__name__}: {error})"
        raise Malformed(message) from error


def _parsed(form: ReportFormat, content: bytes, rules: Sequence[str], require: Sequence[str]) -> Parsed:
    if form is ReportFormat.JUNIT:
        return read_junit(_xml(content), require)
    if form in _OF_XML:
        return _OF_XML[form](_xml(content))
    if form in _OF_TEXT:
        return _OF_TEXT[form](_text(content))
    document = _json(content)
    return _OF_FINDINGS[form](document, rules) if form in _OF_FINDINGS else _OF_JSON[form](document)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(str(error)) from error


def _json(content: bytes) -> Any:
    try:
        return json.loads(_text(content))
    except ValueError as error:
        raise Malformed(str(error)) from error


def _xml(content: bytes) -> Element:
    try:
        root: Element = fromstring(content, forbid_dtd=False)
    except (ParseError, DefusedXmlException) as error:
        message = f"not safe, well-formed XML: {error}"
        raise Malformed(message) from error
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
    if level:
        message = f"nested more than {_DEEPEST} levels deep"
        raise Malformed(message)
    return root
