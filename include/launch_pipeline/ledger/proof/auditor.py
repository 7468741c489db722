"""Verify the exported record of a launch, or name the first row that is wrong.

    python verify_launch.py production-2.4.0.jsonl [--head sha256:...]

This script needs only Python 3.9 or newer. It was written from the rules in docs/record.md of the launch
pipeline, independently of the pipeline's own verifier; comments name the rules. Give a head that was noted
during the launch: without one, missing rows at the end and a completely forged file go unnoticed.

Exit codes: 0 the record is valid, 1 it is not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from datetime import datetime, timezone
from typing import Any, NoReturn

# Laid out by hand for auditors to read.
# fmt: off
GENESIS = "sha256:" + "0" * 64
DEEPEST, MOST_BITS, MOST_DIGITS = 60, 12900, 4300
COLUMNS = ("appended_at", "content_digest", "dag_id", "item_ref", "kind", "launch_id", "position", "previous",
           "seq", "task_instance_id", "try_number")
OUTCOMES = ("passed", "approved", "waived", "not_applicable", "not_met", "rejected", "not_reached")
ROLES = ("technical_lead", "product_manager", "operations_lead", "cto", "security_lead", "database_admin",
         "infrastructure_lead", "on_call_engineer", "qa_lead", "kubernetes_admin", "network_admin",
         "security_officer")
OF_A_PHASE = ("decision", "machine_pass", "not_reached", "round", "bypass", "seal", "reopened",
              "verified_again")
OF_THE_LAUNCH = ("launch_started", "launch_postponed", "amendment_proposed", "launch_amended",
                 "launch_retargeted", "launch_held", "launch_resumed", "launch_aborted", "launch_ended")
CHANGING = ("release", "release_sha", "previous_release", "launch_at", "launch_date")
Row = dict[str, Any]
Place = tuple[str, ...]


class Wrong(Exception):
    """A rule is broken; the text says which."""

def need(holds: object, problem: str) -> None:
    """Raise Wrong unless a rule holds."""
    if not holds:
        raise Wrong(problem)

# ---- 1. one reading ---------------------------------------------------------------------------------------

def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len({key for key, _ in pairs}) == len(pairs), "a key appears twice")
    return dict(pairs)

def whole_number(digits: str) -> int:
    need(len(digits.lstrip("-")) <= MOST_DIGITS and int(digits).bit_length() < MOST_BITS,
         "a number is too long")
    return int(digits)

def other_number(digits: str) -> float:
    number = float(digits)
    need(abs(number) != float("inf"), "a number is too large")
    return number

def no_constant(word: str) -> NoReturn:
    raise Wrong(word + " is not a JSON number")

def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()

def read_line(text: str) -> Any:
    """Read one line of the export, which must be in the canonical form."""
    need(not re.search("[\ud800-\udfff]", text), "it contains half of a surrogate pair")
    try:
        value = json.loads(text, object_pairs_hook=no_key_twice, parse_int=whole_number,
                           parse_float=other_number, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"it cannot be read as JSON: {error}") from None
    waiting, deepest = [(value, 1)], 0
    while waiting:
        here, level = waiting.pop()
        if isinstance(here, str):
            need(not re.search("[\0\ud800-\udfff]", here), "a text contains NUL or half of a surrogate pair")
        elif isinstance(here, (dict, list)):
            deepest = max(deepest, level)
            inside = list(here) + list(here.values()) if isinstance(here, dict) else here
            waiting += [(each, level + 1) for each in inside]
    need(deepest <= DEEPEST + 1, "it is nested too deeply")
    need(canonical(value) == text, "it is not written in canonical JSON")
    return value

# ---- 2. contents ------------------------------------------------------------------------------------------

def fits(value: Any, shape: Any) -> bool:
    """Whether a value has a shape: a type, a function, a tuple of choices, [of each], {of each field}."""
    if isinstance(shape, dict):
        fields = {key.rstrip("?"): each for key, each in shape.items() if key != "..."}
        most = "..." in shape or (type(value) is dict and set(value) <= set(fields))
        least = type(value) is dict and all(key in value or key + "?" in shape for key in fields)
        return most and least and all(fits(value[key], fields[key]) for key in fields if key in value)
    if isinstance(shape, list):
        return type(value) is list and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, tuple):
        return any(fits(value, choice) for choice in shape)
    if isinstance(shape, type):
        return type(value) is shape
    return bool(shape(value)) if callable(shape) else type(value) is type(shape) and value == shape

def moment(value: Any, *, zone: bool = True) -> datetime | None:
    """Read a time in the form that the rules require; None for any other text."""
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)" + ("" if zone else "?")
    if type(value) is not str or not re.fullmatch(form, value, re.ASCII):
        return None
    try:
        read = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return read if read.isoformat().replace("+00:00", "Z") == value else None

def each_of(keys: Any, shape: Any) -> Any:
    def each(value: Any) -> bool:
        return type(value) is dict and all(fits(k, keys) and fits(v, shape) for k, v in value.items())
    return each

def at_least(least: int) -> Any:
    return lambda value: type(value) is int and value >= least

def local_moment(value: Any) -> datetime | None:
    return moment(value, zone=False)

def a_digest(value: Any) -> bool:
    return type(value) is str and re.fullmatch("sha256:[0-9a-f]{64}", value) is not None

def some_text(value: Any) -> bool:
    return type(value) is str and value != ""

def names(value: Any) -> bool:
    return each_of(str, a_digest)(value) and bool(value)

def words(value: Any) -> bool:
    return type(value) is str and value.strip() != ""

def anything(_: Any) -> bool:
    return True

PERSON = {"id": str, "name": str, "slack_id": (str, None), "airflow_user": (str, None)}
ROUND = {"number": at_least(1), "decided_by": (PERSON, None), "decided_at": moment,
         "evidence_digest": a_digest}
FINDING = {"subject": str, "expression": str, "wanted": str, "actual": anything, "holds": bool, "note": str}
RESULT = {"kind": str, "params": dict, "authority": str, "verdict": ("passed", "failed", "inconclusive"),
          "headline": str, "findings": [FINDING], "observed": dict, "started_at": local_moment,
          "duration_ms": int, "attempts": int}
RECORD = {"schema_version": 1, "launch_id": str, "environment": str, "rehearsal": bool, "item_ref": str,
          "text": str, "dag_id": str, "task_id": str, "outcome": OUTCOMES, "results": [RESULT],
          "evidence_digest": a_digest, "decided_by": (PERSON, None),
          "recorded_by": ("slack", "airflow_ui", "api", "machine"), "role": (*ROLES, None), "reason": str,
          "signature": str, "decided_at": moment, "task_instance_id": str, "try_number": at_least(0),
          "checklist_digest": str, "rounds": [ROUND], "carried_from?": str, "rests_on?": names,
          "confirms?": str}
SEALED = {"item_ref": str, "outcome": OUTCOMES, "task_instance_id": str, "digest": str}
SEAL = {"schema_version": 1, "launch_id": str, "dag_id": str, "phase_id": str, "complete": bool,
        "counts": each_of(OUTCOMES, int), "records": [SEALED], "bypasses": [str], "problems": [str],
        "checklist_digest": str, "sealed_at": moment, "try_number": at_least(0)}
ITEM = {"ref": str, "owner": ROLES, "severity": ("blocking", "advisory"), "rounds": at_least(1),
        "mode": ("check", "check+approval", "approval"), "gate": ("approval", "decision", "signature"),
        "definition?": some_text}
RULES = {"self_approval": bool, "two_roles_one_person": bool, "waive_blocking_items": bool,
         "may_waive": each_of(ROLES, [ROLES])}
PLAN = {"steps": [[str]], "decision": str, "rollback": str, "items": each_of(str, [ITEM]), "rules": RULES}
STARTED = {"environment": str, "rehearsal": bool, "release": str, "release_sha": str, "launch_at": moment,
           "planned_at": moment, "started_by": str, "started_at": moment, "conf": dict,
           "checklist_digests": each_of(str, str), "environment_digest?": some_text, "plan": PLAN,
           "...": anything}
BY_A_PERSON = {"by": words, "via": ("airflow", "terminal"), "reason": words, "...": anything}
CHANGED = {"where": str, "what": [str]}
AMENDED = {**BY_A_PERSON, "confirmed_by?": words, "changes": [CHANGED], "environment_digest": str,
           "checklist_digests": each_of(str, str), "plan": PLAN}
TARGET = {"release": str, "release_sha": str}
REOPENED = {"dag_id": str, "item_ref": str, "text": str, "owner": ROLES, "why": [str],
            "cause": ("changed", "no_longer_true", "go_taken_back"), "task_instance_id": str}
SHAPES = {"decision": RECORD, "machine_pass": RECORD, "not_reached": RECORD, "seal": SEAL,
          "round": {**ROUND, "life": int}, "launch_started": STARTED,
          "amendment_proposed": {**BY_A_PERSON, "digest": words, "changes": [CHANGED]},
          "reopened": REOPENED, "launch_amended": AMENDED, "launch_resumed": BY_A_PERSON,
          "launch_postponed": {**BY_A_PERSON, "from": moment, "to": moment},
          "launch_retargeted": {**BY_A_PERSON, "from": TARGET, "to": TARGET},
          "launch_held": {**BY_A_PERSON, "held_at": moment},
          "launch_aborted": {**BY_A_PERSON, "ended_at": moment},
          "launch_ended": {"state": ("complete", "no_go", "rolled_back"), "ended_at": moment,
                           "...": anything}}

# ---- 3. to 7. the launch ----------------------------------------------------------------------------------


class Launch:
    """What the rows have said so far."""

    def __init__(self) -> None:
        self.start: Row = {}
        self.plan: Row = {}
        self.phases: list[str] = []
        self.at: datetime | None = None
        self.target: Row = {}
        self.digests: dict[str, str] = {}
        self.held = False
        self.end = ""
        self.had: set[Place] = set()  # the items that it has or had
        self.ran_by: set[Place] = set()  # its Dags with the checklists that they have or had
        self.reopened: dict[Place, int] = {}  # how many records of the item came before
        self.open_again: set[str] = set()  # Dags of which an item was reopened since they were complete
        self.records: dict[Place, list[Row]] = {}
        self.rounds: dict[Place, list[Row]] = {}
        self.bypassed: set[tuple[str, ...]] = set()
        self.seals: dict[str, Row] = {}
        self.went = False
        self.sealed = 0

    def take(self, row: Row) -> None:
        kind, said = row["kind"], row["content"]
        need(type(said) is dict, "its content is not an object")
        need(fits(said, SHAPES.get(kind, dict)), "its content does not have the fields of its kind")
        self.columns(row, kind, said)
        need(bool(self.start) == (kind != "launch_started"),
             "the start is not the first row, or not the only one")
        if not self.start:
            self.started(said)
        if self.end and kind in OF_A_PHASE + OF_THE_LAUNCH:  # rule 7
            back = kind in OF_A_PHASE and self.end == "aborted" and self.went
            need(back and row["dag_id"] == self.plan["rollback"] != "",
                 "it was appended after the launch had ended")
        place = (row["dag_id"], row["item_ref"])
        if SHAPES.get(kind) is RECORD:
            self.record(place, said)
        elif kind == "round":
            self.rounds.setdefault(place, []).append(said)
        elif kind == "bypass":
            self.bypassed.add(place + (row["task_instance_id"],))
        elif kind == "seal":
            self.seal(row["dag_id"], said)
        elif kind == "reopened":
            need(place in self.had, "the launch has no such item")
            self.reopened[place] = len(self.records.get(place, []))
            self.open_again.add(row["dag_id"])
        elif kind in ("launch_aborted", "launch_ended"):
            self.ended(said.get("state") if kind == "launch_ended" else "aborted")
        elif kind in OF_THE_LAUNCH:
            self.changed(kind, said)

    def columns(self, row: Row, kind: str, said: Row) -> None:
        """Rule 3."""
        if SHAPES.get(kind) is RECORD:
            outcome = said["outcome"]
            of = {"passed": "machine_pass", "not_reached": "not_reached"}.get(outcome, "decision")
            same = ("launch_id", "dag_id", "item_ref", "task_instance_id", "try_number")
            need(kind == of and all(row[name] == said[name] for name in same),
                 "row and record say different things")
        elif kind == "seal":
            own = ("launch_id", "dag_id", "try_number")
            need(all(row[name] == said[name] for name in own) and not row["item_ref"], "row and seal differ")
        elif kind in OF_THE_LAUNCH or kind == "reopened":
            place = [said["dag_id"], said["item_ref"]] if kind == "reopened" else ["", ""]
            named = [row["dag_id"], row["item_ref"], row["task_instance_id"]]
            need(named == place + ["launch/" + row["launch_id"]],
                 "it is not a row of the launch itself")

    def started(self, said: Row) -> None:
        """Rule 4."""
        need(moment(said["launch_at"]) == moment(said["planned_at"]), "it was moved before it began")
        self.start, self.at = said, moment(said["launch_at"])
        self.target = {name: said[name] for name in TARGET}
        self.run_by(said)

    def run_by(self, said: Row) -> None:
        """Rule 4: what the start and each amendment put in force."""
        plan = said["plan"]
        phases = [dag for step in plan["steps"] for dag in step]
        dags = phases + ([plan["rollback"]] if plan["rollback"] else [])
        refs = [item["ref"] for items in plan["items"].values() for item in items]
        need(len(set(dags)) == len(dags) and len(set(refs)) == len(refs), "its plan names something twice")
        need(set(dags) == set(plan["items"]) and all(plan["items"].values()),
             "its Dags are not those with items")
        need(plan["decision"] == "" or plan["decision"] in phases, "its decision is not a phase")
        need(set(dags) <= set(said["checklist_digests"]), "a checklist has no digest")
        self.plan, self.phases, self.digests = plan, phases, said["checklist_digests"]
        self.had |= {(dag, item["ref"]) for dag, items in plan["items"].items() for item in items}
        self.ran_by |= set(self.digests.items())

    def changed(self, kind: str, said: Row) -> None:
        """Rules 4 and 7: a change puts something else in force."""
        if kind == "launch_postponed":
            need(moment(said["from"]) == self.at, "it moves the launch from a time that was not in force")
            self.at = moment(said["to"])
        elif kind == "launch_amended":
            need(said["changes"], "it changes nothing")
            need(said.get("confirmed_by") != said["by"], "one person confirmed their own amendment")
            kept = ("steps", "decision", "rollback", "rules")
            need(all(said["plan"][name] == self.plan[name] for name in kept), "it changes more than items")
            self.run_by(said)
        elif kind == "launch_retargeted":
            need(said["from"] == self.target, "it moves the launch from a target that was not in force")
            after: list[str] = []  # the Dags of the steps after the decision's
            for step in reversed(self.plan["steps"] if self.plan["decision"] else []):
                if self.plan["decision"] in step:
                    break
                after = step + after
            need(not any(kept and dag in after[:1] for (dag, _), kept in self.records.items()),
                 "the launch had begun")
            self.target = said["to"]
        elif kind in ("launch_held", "launch_resumed"):
            need(self.held == (kind == "launch_resumed"), "it was held twice, or resumed without a hold")
            self.held = kind == "launch_held"

    def record(self, place: Place, said: Row) -> None:
        """Rule 5."""
        dag, outcome, results, rounds = place[0], said["outcome"], said["results"], said["rounds"]
        need(dag in self.plan["items"], "the launch has no phase " + dag)
        for name in ("environment", "rehearsal"):
            need(said[name] == self.start[name], f"its {name} is not the launch's")
        seen = [{**result, "started_at": result["started_at"].replace("Z", "+00:00")} for result in results]
        need(sha256(canonical(seen)) == said["evidence_digest"], "its evidence has another digest")
        passed = bool(results) and all(result["verdict"] == "passed" for result in results)
        need(outcome != "passed" or passed, "its checks did not pass")
        machine = outcome in ("passed", "not_reached")
        says = {said["decided_by"] is None, said["role"] is None, said["recorded_by"] == "machine"}
        need(says == {machine}, "its outcome does not match who decided it")
        need(machine or outcome == "approved" or words(said["reason"]), "it has no reason")
        earlier = self.records.setdefault(place, [])
        if "carried_from" in said:
            own = ("task_instance_id", "try_number", "carried_from")
            rest = {key: value for key, value in said.items() if key not in own}
            first = [other for other in earlier if other["task_instance_id"] == said["carried_from"]]
            same = [other for other in first if rest == {k: v for k, v in other.items() if k not in own}]
            need(same, "it repeats a decision that is not there")
        elif "confirms" in said:
            self.confirms(place, said)
        need([one["number"] for one in rounds] == list(range(1, len(rounds) + 1)),
             "its rounds are not 1, 2, 3, ...")
        if outcome == "approved" and rounds:
            parts = ("decided_by", "decided_at", "evidence_digest")
            need(all(rounds[-1][name] == said[name] for name in parts), "its last round is not its approval")
            rounds = rounds[:-1]
        lives: dict[int, list[Row]] = {}
        for one in self.rounds.get(place, []):
            lives.setdefault(one["life"], []).append({name: one[name] for name in ROUND})
        need(not rounds or any(all(one in kept for one in rounds) for kept in lives.values()),
             "a round is not there")
        if said["checklist_digest"] == self.digests[dag] or self.of_its_item(place, said):
            self.fits_item(place, said)
        earlier.append(said)

    def confirms(self, place: Place, said: Row) -> None:
        """Rule 5: a decision that is carried over to an item that was reopened."""
        carried = ("approved", "waived", "not_applicable", "not_met")
        need(said["outcome"] in carried, "it confirms no decision")
        reached = [(number, one) for number, one in enumerate(self.records[place])
                   if one["outcome"] != "not_reached"]
        need(reached, "it confirms a decision that is not there")
        number, first = reached[-1]
        need(first["task_instance_id"] == said["confirms"], "it confirms another decision than the latest")
        need(moment(first["decided_at"]) == moment(said["decided_at"]), "it was decided at another time")
        for name in ("outcome", "decided_by", "role", "reason", "signature", "recorded_by"):
            need(first[name] == said[name], f"the decision that it confirms has another {name}")
        asked = [[one.get("rests_on", {}).get(name) for name in ("words", "rules")] for one in (first, said)]
        need(asked[0] == asked[1], "its person was asked something else")
        need(number < self.reopened.get(place, 0), "its item was not reopened after the decision")

    def item(self, place: Place) -> Row | None:
        return next((item for item in self.plan["items"][place[0]] if item["ref"] == place[1]), None)

    def of_its_item(self, place: Place, said: Row) -> bool:
        """Rule 5: whether a record is of the definition of its item in force."""
        item, checklist = self.item(place), said["checklist_digest"]
        if item is None:
            return False
        if "definition" not in item or "rests_on" not in said:
            return bool(checklist == self.digests[place[0]])
        left_out = ["variable:" + name for name in CHANGING] + ["person"]
        own = {name: digest for name, digest in said["rests_on"].items()
               if name not in left_out and not name.startswith("holders:")}
        return sha256(canonical(own)) == item["definition"] and (place[0], checklist) in self.ran_by

    def counts(self, place: Place, said: Row) -> bool:
        """Rule 5: whether a record rests on what is in force."""
        values = {**self.target, "previous_release": self.start["conf"].get("previous_release")}
        try:
            values["launch_at"] = self.at.astimezone(timezone.utc).isoformat() if self.at else ""
        except OverflowError:
            values["launch_at"] = ""
        values["launch_date"] = values["launch_at"][:10]
        rests_on = said.get("rests_on", {})
        return self.of_its_item(place, said) and all(
            rests_on.get("variable:" + name, "") in ("", sha256(canonical(value)))
            for name, value in values.items() if some_text(value))

    def fits_item(self, place: Place, said: Row) -> None:
        """Rule 5, the properties of the item."""
        item, outcome, rules = self.item(place) or {}, said["outcome"], self.plan["rules"]
        need(item, "the launch has no such item")
        passed = bool(said["results"]) and all(result["verdict"] == "passed" for result in said["results"])
        need("confirms" not in said or item["gate"] == "approval", "a decision or signature is made anew")
        aside = outcome in ("waived", "not_applicable")
        need(outcome != "passed" or item["mode"] == "check", "its item needs a person")
        need(outcome != "approved" or item["mode"] != "check", "its item asks for no approval")
        need(outcome != "approved" or item["mode"] == "approval" or passed, "its checks have not passed")
        need(outcome != "rejected" or item["severity"] == "blocking", "its item is advisory")
        need(outcome != "not_met" or item["severity"] == "advisory", "its item is blocking")
        waivers = rules["may_waive"].get(item["owner"], []) if aside else []
        need(said["role"] in [None, item["owner"]] + waivers, "its role may not decide it")
        need(outcome != "waived" or item["severity"] == "advisory" or rules["waive_blocking_items"],
             "its item may not be waived")
        if item["gate"] != "approval":
            person = said["decided_by"] or {}
            need(not aside, "a decision or signature cannot be set aside")
            own = bool(person) and person["airflow_user"] == self.start["started_by"]
            need(not own or rules["self_approval"], "the person who started the launch decided it")
            unsigned = item["gate"] == "signature" and outcome == "approved" and not words(said["signature"])
            need(not unsigned, "its signature is empty")
        most = item["rounds"] if item["rounds"] > 1 else 0
        count = len(said["rounds"])
        need(count == most if outcome == "approved" else count <= most, "it has another number of rounds")

    def seal(self, dag: str, said: Row) -> None:
        """Rule 6."""
        need(dag in self.plan["items"], "the launch has no phase " + dag)
        listed = {sealed["item_ref"]: sealed for sealed in said["records"]}
        need(len(listed) == len(said["records"]), "it lists an item twice")
        for ref, sealed in listed.items():
            need(ref.split(".")[0] == said["phase_id"], "it lists an item of another phase")
            kept = self.records.get((dag, ref), [])
            need(kept, f"it lists {ref}, which has no earlier record")
            latest = (sha256(canonical(kept[-1])), kept[-1]["task_instance_id"], kept[-1]["outcome"])
            need((sealed["digest"], sealed["task_instance_id"], sealed["outcome"]) == latest,
                 f"what it lists of {ref} is not the latest earlier record")
        in_force = said["checklist_digest"] == self.digests[dag]
        if in_force:
            need(set(listed) == {item["ref"] for item in self.plan["items"][dag]},
                 "it does not list every item once")
        need(said["counts"] == dict(Counter(sealed["outcome"] for sealed in listed.values())),
             "its counts are wrong")
        need(len(set(said["bypasses"])) == len(said["bypasses"]), "it names a bypass twice")
        for ref in said["bypasses"]:
            sealed = listed.get(ref, {"outcome": "", "task_instance_id": ""})
            need(sealed["outcome"] == "not_reached", "it names a bypass that it does not list as not reached")
            need((dag, ref, sealed["task_instance_id"]) in self.bypassed, "it names a bypass that no row has")
        need(said["complete"] is not bool(said["problems"]), "'complete' contradicts its problems")
        if said["complete"]:
            need(in_force and not said["bypasses"], "it cannot be complete")
            for ref, sealed in listed.items():
                need(sealed["outcome"] not in ("rejected", "not_reached"), "it is complete without " + ref)
                kept = self.records[dag, ref]
                need(len(kept) > self.reopened.get((dag, ref), 0), ref + " was not verified again")
                need(self.counts((dag, ref), kept[-1]), ref + " rests on what is not in force")
                self.fits_item((dag, ref), kept[-1])
            gates = [self.records[dag, item["ref"]][-1]["decided_by"]
                     for item in self.plan["items"][dag] if item["gate"] != "approval"]
            people = [person["id"] for person in gates if person]
            need(len(set(people)) == len(people) or self.plan["rules"]["two_roles_one_person"],
                 "one person decided twice")
            steps = self.plan["steps"]
            own_step = next((number for number, step in enumerate(steps) if dag in step), 0)
            for before in (each for step in steps[:own_step] for each in step):
                need(self.stands(before), f"it is complete, but {before} before it is not")
            self.open_again.discard(dag)
        self.seals[dag] = said
        self.sealed += 1
        self.went = self.went or (said["complete"] and dag == self.plan["decision"])

    def stands(self, dag: str) -> bool:
        seal = self.seals.get(dag)
        if seal is None or not seal["complete"] or dag in self.open_again:
            return False
        refs = {sealed["item_ref"] for sealed in seal["records"]}
        latest = {ref: self.records[dag, ref][-1] for ref in refs}
        return refs == {item["ref"] for item in self.plan["items"][dag]} and all(
            one["outcome"] not in ("rejected", "not_reached") and self.counts((dag, ref), one)
            for ref, one in latest.items())

    def ended(self, state: str) -> None:
        """Rule 7."""
        decision = self.seals.get(self.plan["decision"], {"records": []})
        if state == "complete":
            still_open = [dag for dag in self.phases if not self.stands(dag)]
            need(self.phases and not still_open, "it says complete, but not every phase is")
        elif state == "no_go":
            need(any(sealed["outcome"] == "rejected" for sealed in decision["records"]), "no one said no")
        elif state == "rolled_back":
            need(self.stands(self.plan["rollback"]), "the rollback is not complete")
        self.end = state

# ---- the chain --------------------------------------------------------------------------------------------


def chained(row: Any, position: int, previous: str, launch_id: str | None) -> None:
    """Rule 1: the row's place, its content's digest and its own."""
    numbers = ("position", "seq", "try_number")
    fields = {name: int if name in numbers else str for name in COLUMNS}
    need(fits(row, {**fields, "content": anything, "digest": str}), "it does not have the fields of a row")
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
    need(re.fullmatch(form, row["appended_at"], re.ASCII), "its time is not in the stored form")
    need(row["launch_id"] == launch_id, "it belongs to another launch")
    need(row["position"] == position, f"its position is {row['position']}, not {position}")
    need(row["previous"] == previous, "it does not follow the row before it")
    need(row["content_digest"] == sha256(canonical(row["content"])), "its content was changed")
    header = {name: row[name] for name in COLUMNS}
    need(row["digest"] == sha256(canonical(header)), "one of its columns was changed")


def prove(data: bytes, head: str | None = None) -> str:
    """Return the result in words. Raises Wrong naming the first row that is wrong."""
    launch, previous, launch_id, position = Launch(), GENESIS, None, 0
    heads: set[str] = set()
    lines = (data[:-1] if data.endswith(b"\n") else data).split(b"\n")
    for position, line in enumerate(lines, start=1):
        place = f"row {position}"
        try:
            row = read_line(line.decode("utf-8"))
            place = f"row {row.get('position')} (line {position}, {row.get('kind')} {row.get('item_ref')})"
            launch_id = row.get("launch_id") if launch_id is None else launch_id
            chained(row, position, previous, launch_id)
            launch.take(row)
        except UnicodeDecodeError:
            raise Wrong(place + ": it is not UTF-8") from None
        except (Wrong, AttributeError) as error:
            why = error if isinstance(error, Wrong) else "it is not an object"
            raise Wrong(f"{place}: {why}") from None
        previous = row["digest"]
        heads.add(previous)
    need(head is None or head in heads, f"the head {head} is not in it: rows are missing or were rewritten")
    end = launch.end or "under way"
    return (
        f"{launch_id}: {position} rows are valid, {launch.sealed} seals follow from them; the launch is"
        f" {end}; head {previous} (row {position})"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = argparse.ArgumentParser(description="Verify the exported record of a launch.")
    parser.add_argument("export", help="file that 'launch ledger export' wrote")
    parser.add_argument("--head", help="digest that was noted earlier and must be in it")
    given = parser.parse_args(arguments)
    try:
        with open(given.export, "rb") as file:
            data = file.read()
    except OSError as error:
        print(f"{given.export} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    try:
        print("OK " + prove(data, given.head))
    except Wrong as error:
        print(f"WRONG {given.export}: {error}")
        return 1
    if not given.head:
        print("No head was given, so missing rows at the end or a rewritten file would go unnoticed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
