"""Reports of coverage: a rate is believed where it is the rate of what was counted."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch_pipeline.checks.verdict import Verdict
from servers.report_files import REPORTS, read, verdict, written

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ANY = {"line_rate": ">= 0"}
LCOV = "TN:\nSF:a.c\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nend_of_record\n"
JACOCO = '<report name="r"><package name="p"><counter type="LINE" missed="1" covered="3"/></package><counter type="LINE" missed="1" covered="3"/></report>'


def cobertura(lines: str = "", **attributes: str) -> str:
    stated = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    classes = f'<packages><package><classes><class filename="a.py"><lines>{lines}</lines></class></classes></package></packages>'
    return f"<coverage {stated}>{classes if lines else ''}</coverage>"


def summary(pct: Any = 75, files: bool = True, **counts: Any) -> str:
    lines = {"total": 4, "covered": 3, "skipped": 0, "pct": pct}
    part = {"lines": lines, "branches": {"total": 0, "covered": 0, "skipped": 0, "pct": 100}}
    return json.dumps({"total": {**part, "lines": {**lines, **counts}}, **({"/a.js": part} if files else {})})


def final(**counts: Any) -> str:
    place = {"start": {"line": 1, "column": 0}, "end": {"line": 1, "column": 9}}
    return json.dumps({"/a.js": {"statementMap": {"0": place}, "s": {"0": 1}, "b": {}, **counts}})


NOTHING: dict[str, tuple[str, str]] = {
    "a percentage": ("cobertura", cobertura(line_rate="87.5", lines_valid="1000", lines_covered="875")),
    "just over one": ("cobertura", cobertura(line_rate="1.01", lines_valid="100", lines_covered="100")),
    "a comma": ("cobertura", cobertura(line_rate="0,87", lines_valid="100", lines_covered="87")),
    "below nothing": ("cobertura", cobertura(line_rate="-1", lines_valid="100", lines_covered="87")),
    "not a number": ("cobertura", cobertura(line_rate="NaN", lines_valid="0", lines_covered="0")),
    "0 of 0 lines": ("cobertura", cobertura(line_rate="1.0", lines_valid="0", lines_covered="0")),
    "no count and no line": ("cobertura", cobertura(line_rate="0.95")),
    "half of the counts": ("cobertura", cobertura(line_rate="0.95", lines_covered="95")),
    "another rate than the counts'": ("cobertura", cobertura(line_rate="0.95", lines_valid="100", lines_covered="10")),
    "another rate than the lines'": ("cobertura", cobertura('<line number="1" hits="0"/>', line_rate="0.95")),
    "other counts than the lines'": ("cobertura", cobertura('<line number="1" hits="0"/>', line_rate="0.9", lines_valid="10", lines_covered="9")),
    "more than all": ("cobertura", cobertura(line_rate="1", lines_valid="1000", lines_covered="1001")),
    "fewer than none": ("cobertura", cobertura(line_rate="0", lines_valid="1000", lines_covered="-1")),
    "another root with a rate": ("cobertura", '<report line-rate="1" lines-valid="1" lines-covered="1"/>'),
    "parts of a line": ("cobertura", cobertura(line_rate="0.9", lines_valid="1", lines_covered="0.9")),
    "another tool's coverage": ("cobertura", '<coverage generated="1"><project><metrics statements="1"/></project></coverage>'),
    "no counter": ("jacoco", '<report name="r"/>'),
    "no debug information": ("jacoco", written("jacoco-0.8.6-without-lines.xml")),
    "0 of 0 lines of Java": ("jacoco", '<report><counter type="LINE" missed="0" covered="0"/></report>'),
    "a counter without packages": ("jacoco", '<report><counter type="LINE" missed="1" covered="9"/></report>'),
    "a counter that is not its packages'": ("jacoco", JACOCO.replace('covered="3"/></report>', 'covered="9"/></report>')),
    "missed below nothing": ("jacoco", JACOCO.replace('missed="1"', 'missed="-1"')),
    "counts that are no numbers": ("jacoco", JACOCO.replace('covered="3"', 'covered="many"')),
    "an empty tracefile": ("lcov", ""),
    "a tracefile of no file": ("lcov", "TN:all\n"),
    "a file without lines": ("lcov", "SF:a.c\nend_of_record\n"),
    "fewer lines than it counts": ("lcov", LCOV.replace("DA:2,0\n", "")),
    "cut off": ("lcov", LCOV.removesuffix("end_of_record\n")),
    "cut off within": ("lcov", LCOV.replace("end_of_record\n", "") + LCOV),
    "counts of no file": ("lcov", "DA:1,1\n" + LCOV),
    "hits that are no number": ("lcov", LCOV.replace("DA:1,1", "DA:1,yes")),
    "a page that asks for a login": ("lcov", "<html>Sign in</html>"),
    "0 of 0 lines of JavaScript": ("istanbul", summary("Unknown", files=False, total=0, covered=0)),
    "no file": ("istanbul", "{}"),
    "a total that is not the files'": ("istanbul", summary(100, covered=4)),
    "another percentage than the counts'": ("istanbul", summary(99)),
    "an unknown percentage of lines": ("istanbul", summary("Unknown")),
    "more covered than there are": ("istanbul", summary(125, files=False, covered=5)),
    "a statement without a place": ("istanbul", final(statementMap={})),
    "a statement that ran less than never": ("istanbul", final(s={"0": -1})),
    "files without statements": ("istanbul", final(statementMap={}, s={})),
    "a list": ("istanbul", "[]"),
}  # fmt: skip


@pytest.mark.parametrize(("form", "content"), NOTHING.values(), ids=NOTHING.keys())
def test_coverage_of_nothing_proves_nothing(form: str, content: str) -> None:
    """Without lines, or with a rate that is not theirs, nothing is known, not even that it is not 100 %."""
    assert verdict(form, content, expect=ANY) is Q


BRANCHES: dict[str, tuple[str, str]] = {
    "0 of 0 branches": ("cobertura", cobertura(line_rate="1", lines_valid="1", lines_covered="1", branch_rate="1", branches_valid="0", branches_covered="0")),
    "a rate without counts": ("cobertura", cobertura(line_rate="1", lines_valid="1", lines_covered="1", branch_rate="0.9")),
    "a percentage": ("cobertura", cobertura(line_rate="1", lines_valid="1", lines_covered="1", branch_rate="90", branches_valid="10", branches_covered="9")),
    "another rate than the counts'": ("cobertura", cobertura(line_rate="1", lines_valid="1", lines_covered="1", branch_rate="0.9", branches_valid="10", branches_covered="1")),
    "no rate": ("cobertura", cobertura('<line number="1" hits="1" condition-coverage="50% (1/2)"/>', line_rate="1")),
    "no counter of branches": ("jacoco", JACOCO),
    "no record of a branch": ("lcov", LCOV),
    "100 % of no branch": ("istanbul", summary()),
    "a file without branches": ("istanbul", final()),
}  # fmt: skip


@pytest.mark.parametrize(("form", "content"), BRANCHES.values(), ids=BRANCHES.keys())
def test_branches_that_were_not_counted_are_unknown(form: str, content: str) -> None:
    """Lines are judged all the same."""
    assert verdict(form, content, expect=ANY) is P
    assert verdict(form, content, expect={"branch_rate": ">= 0"}) is Q


READ: dict[str, tuple[str, str, float]] = {
    "rounded to two digits": ("cobertura", cobertura(line_rate="0.80", lines_valid="1000", lines_covered="796"), 0.796),
    "lines alone, as old coverage.py": ("cobertura", cobertura('<line number="1" hits="2"/><line number="2" hits="0"/>', line_rate="0.5"), 0.5),
    "a line in two classes": ("cobertura", cobertura('<line number="1" hits="0"/><line number="1" hits="1"/>', line_rate="1"), 1.0),
    "scientific notation": ("cobertura", cobertura(line_rate="8.333e-05", lines_valid="12000", lines_covered="1"), 1 / 12000),
    "none of the lines": ("cobertura", cobertura(line_rate="0", lines_valid="10", lines_covered="0"), 0.0),
    "two packages": ("jacoco", JACOCO, 0.75),
    "two tests of a file": ("lcov", LCOV + LCOV.replace("DA:2,0", "DA:2,7"), 1.0),
    "old coverage.py: fewer counted than listed": ("lcov", LCOV.replace("LF:2", "LF:1"), 0.5),
    "a remark": ("lcov", "# of today\n" + LCOV, 0.5),
    "a summary without files": ("istanbul", summary(files=False), 0.75),
    "a line of two statements": ("istanbul", final(statementMap={"0": {"start": {"line": 1}}, "1": {"start": {"line": 1}}}, s={"0": 0, "1": 2}), 1.0),
    "files as older versions wrote them": ("istanbul", json.dumps({"/a.js": {"data": json.loads(final())["/a.js"]}}), 1.0),
}  # fmt: skip


@pytest.mark.parametrize(("form", "content", "rate"), READ.values(), ids=READ.keys())
def test_rate_is_that_of_the_counts(form: str, content: str, rate: float) -> None:
    """A stated rate may be rounded; 79.6 % is not 80 %."""
    assert read(form, content).facts["line_rate"] == rate


WRITTEN: dict[str, tuple[str, dict[str, float]]] = {
    "c8-12.0.0-final.json": ("istanbul", {"lines": 4, "covered": 3, "branch_rate": 1.0}),
    "c8-12.0.0-summary.json": ("istanbul", {"lines": 4, "covered": 3, "branch_rate": 1.0}),
    "c8-12.0.0.info": ("lcov", {"lines": 4, "covered": 3, "branch_rate": 1.0}),
    "coverage.py-7.17.5.info": ("lcov", {"lines": 9, "covered": 6, "branch_rate": 0.5}),
    "coverage.py-7.17.5.xml": ("cobertura", {"lines": 9, "covered": 6, "branch_rate": 0.5}),
    "gcovr-8.8-jacoco.xml": ("jacoco", {"lines": 5, "covered": 3, "branch_rate": 0.5}),
    "gcovr-8.8.info": ("lcov", {"lines": 5, "covered": 3, "branch_rate": 0.5}),
    "gcovr-8.8.xml": ("cobertura", {"lines": 5, "covered": 3, "branch_rate": 0.5}),
    "jacoco-0.8.6.xml": ("jacoco", {"lines": 5, "covered": 3, "branch_rate": 0.5}),
    "lcov-1.16.info": ("lcov", {"lines": 5, "covered": 3, "branch_rate": 0.5}),
    "nyc-18.0.0-cobertura.xml": ("cobertura", {"lines": 4, "covered": 3, "branch_rate": 0.0}),
    "nyc-18.0.0-final.json": ("istanbul", {"lines": 4, "covered": 3, "branch_rate": 0.0}),
    "nyc-18.0.0-summary.json": ("istanbul", {"lines": 4, "covered": 3, "branch_rate": 0.0}),
    "nyc-18.0.0.info": ("lcov", {"lines": 4, "covered": 3, "branch_rate": 0.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_report_that_a_tool_wrote(name: str) -> None:
    """Each tool's own document gives the counts that the tool itself shows, whatever its format."""
    form, facts = WRITTEN[name]
    found = read(form, written(name)).facts
    assert {fact: found[fact] for fact in facts} == facts
    assert found["line_rate"] == facts["covered"] / facts["lines"]


def test_every_document_of_coverage_has_its_counts_here() -> None:
    """A document that is added is added to the table too."""
    of_coverage = {
        path.name
        for path in [*REPORTS.glob("*.info"), *REPORTS.glob("*-final.json"), *REPORTS.glob("*-summary.json")]
    }
    of_coverage |= {path.name for path in REPORTS.glob("*.xml") if "<testsuite" not in written(path.name)}
    assert of_coverage - {"jacoco-0.8.6-without-lines.xml"} == set(WRITTEN)


def test_jacoco_says_when() -> None:
    """A report of several sessions is as old as the oldest."""
    later = '<sessioninfo id="b" start="2" dump="1796032999000"/><package'
    assert (
        read("jacoco", written("jacoco-0.8.6.xml").replace("<package", later, 1)).generated_at
        == 1796032755.307
    )


COUNTS = re.compile(r' (?:lines|branches)-(?:valid|covered)="\d+"')
CUT = {
    "cobertura": lambda text: COUNTS.sub("", re.sub(r"<line .*?/>", "", text)),
    "jacoco": lambda text: re.sub(r'<counter type="LINE"[^>]*/>', "", text),
    "lcov": lambda text: re.sub(r"(?m)^DA:.*\n", "", text),
    "istanbul": lambda text: re.sub(r'"(?:s|lines)":\s*\{[^{}]*\}', '"s":{}', text),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_report_without_its_lines_never_passes(name: str) -> None:
    """Without its counts a document proves nothing."""
    form, _ = WRITTEN[name]
    assert verdict(form, CUT[form](written(name)), expect=ANY) is Q


@given(st.sampled_from(["coverage.py-7.17.5.info", "gcovr-8.8.info", "nyc-18.0.0.info"]), st.data())
def test_tracefile_with_a_line_cut_out_never_passes(name: str, data: st.DataObject) -> None:
    """A record that counts more lines than it lists is not whole."""
    lines = written(name).splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith("DA:")]
    cut = data.draw(st.sets(st.sampled_from(places), min_size=1))
    content = "\n".join(line for at, line in enumerate(lines) if at not in cut)
    assert verdict("lcov", content, expect=ANY) is Q


counts = st.integers(0, 12)
rates = st.floats(0, 100) | st.sampled_from([0.0, 0.5, 1.0])


@given(counts, counts, rates)
def test_cobertura_passes_at_its_counts_rate_alone(covered: int, total: int, rate: float) -> None:
    """Where 80 % passes, 80 % of some lines are counted."""
    content = cobertura(line_rate=f"{rate:.4f}", lines_valid=str(total), lines_covered=str(covered))
    passed = verdict("cobertura", content, expect={"line_rate": ">= 0.8"}) is P
    assert not passed or (total > 0 and covered / total >= 0.8 and rate <= 1)
