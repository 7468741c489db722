"""Trivy JSON: vulnerabilities, misconfigurations, secrets and licences.

The structure is that of ``pkg/types/report.go`` in aquasecurity/trivy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import GRADES, Hit, counted, never_ran
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Object = dict[str, Any]
_SECTIONS = {
    "Vulnerabilities": "VulnerabilityID",
    "Misconfigurations": "ID",
    "Secrets": "RuleID",
    "Licenses": "Name",
}
"""The sections with findings, and what names the rule of each."""
_MODIFIED = "ExperimentalModifiedFindings"
_READ = {"Target", "Class", "Type", "Packages", "MisconfSummary", _MODIFIED, *_SECTIONS}
_OF_PACKAGES = ("Packages", "Vulnerabilities", _MODIFIED)
_OS, _LANGUAGE = "os-pkgs", "lang-pkgs"
_HARMLESS = {"PASS", "EXCEPTION"}
_STILL_OPEN = {"affected", "under_investigation", "unknown"}
"""Statuses of a modified finding with which it still counts (``pkg/types/finding.go``)."""
_IMAGE = "container_image"
_REVISION = "org.opencontainers.image.revision"
_NO_IMAGE = "Trivy names no image; run it with 'trivy image'"
_NO_REVISION = f"the image has no label {_REVISION}, so that its commit is not known"
_FILTERS = (
    "Trivy does not say whether --severity, --ignore-unfixed or --scanners left findings out; "
    "run it without them"
)


def read_trivy(document: Object, rules: Sequence[str]) -> Parsed:
    """Grade the findings of every target; without a sign that packages were looked at, no count is known."""
    targets = document["Results"]
    if not targets:
        message = "nothing was scanned"
        raise ValueError(message)
    hits = [hit for target in targets for hit in _hits(target)]
    ran = {name for hit in hits for name in hit.names}
    unlisted = bool(_named(document)) and not any("Packages" in target for target in targets)
    doubts = [
        *_doubts_of_the_system(document, targets),
        *(doubt for target in targets if not _believed(target, unlisted) for doubt in _doubts(target)),
        *never_ran(rules, ran, "Trivy does not list the rules that ran, and found nothing of"),
    ]
    counts = counted(hits, rules, doubts)
    told = _told_of_the_image(document)
    return Parsed(
        "trivy",
        counts.facts | {name: value for name, (value, _) in told.items() if value},
        commit=str((document.get("Metadata") or {}).get("Commit") or ""),
        generated_at=_seconds_only(document.get("CreatedAt")),
        worst=counts.worst,
        unknown={
            **counts.unknown,
            **{name: reason for name, (value, reason) in told.items() if not value},
            **({} if _shows_unfixed(targets) else {"left_out": _FILTERS}),
        },
    )


def _told_of_the_image(document: Object) -> dict[str, tuple[Any, str]]:
    """Return the names of the image and the commit in its label, each with the reason if there is none.

    An image in a file is named by its tags: the name of the artifact is then the file's. A scan of a folder
    has that folder's name.
    """
    metadata = document.get("Metadata") or {}
    of_image = document.get("ArtifactType") in {_IMAGE, None}
    artifact = [document.get("ArtifactName")] if of_image else []
    names = [*artifact, *(metadata.get("RepoTags") or []), *(metadata.get("RepoDigests") or [])]
    labels = ((metadata.get("ImageConfig") or {}).get("config") or {}).get("Labels") or {}
    return {
        "images": (list(dict.fromkeys(str(name) for name in names if name)), _NO_IMAGE),
        "revision": (labels.get(_REVISION), _NO_REVISION),
    }


def _seconds_only(text: Any) -> Any:
    """Drop the nanoseconds, which Go writes and Python cannot parse."""
    return re.sub(r"\.\d+", "", text) if isinstance(text, str) else text


def _system(document: Object) -> Object:
    system: Object = (document.get("Metadata") or {}).get("OS") or {}
    return system


def _named(document: Object) -> str:
    system = _system(document)
    return f"{system.get('Family', '')} {system.get('Name', '')}".strip()


def _believed(target: Object, unlisted: bool) -> bool:
    """Return whether nothing was found in the packages of a system that Trivy knows.

    Before ``--list-all-pkgs`` was its default, Trivy listed no packages at all of a clean image.
    """
    return unlisted and target.get("Class") == _OS and not target.keys() - {"Target", "Class", "Type"}


def _doubts_of_the_system(document: Object, targets: Sequence[Object]) -> Iterator[str]:
    """Say why the packages of the operating system were not, or not wholly, looked at.

    Trivy says of a system that is out of support that "the vulnerability detection may be insufficient"
    (``pkg/scan/service.go``), and leaves out one that it does not support.
    """
    system, name = _system(document), _named(document)
    if system.get("EOSL"):
        yield f"{name} is out of support, so Trivy knows of no new vulnerabilities in it"
    elif name and system.get("Family") != "none" and _OS not in {one.get("Class") for one in targets}:
        yield f"the packages of {name} were not scanned"


def _doubts(target: Object) -> Iterator[str]:
    """Say why findings of a target may be missing."""
    name = str(target.get("Target", "a target"))
    given = {key for key, value in target.items() if value and isinstance(value, list | dict)}
    if not any(package.get("ID") or package.get("Name") for package in target.get("Packages") or []):
        given.discard("Packages")
    for section in sorted(given - _READ):
        yield f"{name}: the section {section} cannot be read"
    yield from _unlisted_failures(target)
    if not given and target.get("Class") != _LANGUAGE:
        # A language's packages are listed as a target only if there are any; the system's always are.
        yield f"nothing shows that {name} was looked at; run Trivy with --list-all-pkgs"
    elif target.get("Class") == _OS and not given & set(_OF_PACKAGES):
        yield f"{name} lists no packages; run Trivy with --list-all-pkgs"


def _unlisted_failures(target: Object) -> Iterator[str]:
    """Say that more failures are counted than listed; Trivy filters both alike (``pkg/result/filter.go``)."""
    counted_ones = (target.get("MisconfSummary") or {}).get("Failures") or 0
    listed = sum(one.get("Status", "FAIL") not in _HARMLESS for one in target.get("Misconfigurations") or [])
    if counted_ones > listed:
        yield f"{target.get('Target')} counts {counted_ones} misconfigurations, and lists {listed}"


def _shows_unfixed(targets: Sequence[Object]) -> bool:
    """Return whether there is a mild finding without a fix, which every such filter would leave out."""
    return any(
        not one.get("FixedVersion") and one.get("Severity") in {"LOW", "UNKNOWN"}
        for target in targets
        for one in target.get("Vulnerabilities") or []
    )


def _hits(target: Object) -> Iterator[Hit]:
    for section, name in _SECTIONS.items():
        for one in target.get(section) or []:
            if section != "Misconfigurations" or one.get("Status", "FAIL") not in _HARMLESS:
                yield _hit(one, str(one[name]))
    for modified in target.get(_MODIFIED) or []:
        finding = modified.get("Finding") or {}
        rule = next((str(finding[key]) for key in _SECTIONS.values() if finding.get(key)), "")
        yield _hit(finding, rule, suppressed=modified.get("Status") not in _STILL_OPEN)


def _hit(entry: Object, rule: str, *, suppressed: bool = False) -> Hit:
    text = f"{entry.get('PkgName') or ''} {entry.get('Title') or ''}".strip()
    severity = str(entry.get("Severity") or "UNKNOWN").lower()
    grade = severity if severity in GRADES else ""
    return Hit((rule,) if rule else (), grade, text, suppressed, "" if grade else _ungraded(rule, text))


def _ungraded(rule: str, text: str) -> str:
    return f"{rule} {text} has the severity UNKNOWN; judge it, and list it in .trivyignore or as VEX"[:200]
