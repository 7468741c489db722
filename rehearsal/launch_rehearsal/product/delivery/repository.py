"""Create the product's bare repository: a few commits, freeze tags, documents and configuration.

Broken, the schema's freeze tag is older than the last change of the schema.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.errors import OperationError
from launch_rehearsal.product.delivery.documents import document
from launch_rehearsal.product.service.database import MIGRATIONS
from launch_rehearsal.tampering.files import altered_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from launch_rehearsal.tampering.breaks import Break

DOCUMENT = "git "
"""How the place of a document begins."""
HISTORY = "git: history"
"""The place whose ``date`` is that of every commit."""
SCHEMA_TAG = "schema-freeze"
API_TAG = "api-freeze"
Files = dict[str, str]

_OPENAPI = """\
openapi: 3.1.0
info:
  title: Azora
  version: {version}
paths:
  /api/v1/ping:
    get: {{summary: Answers at once}}
  /api/v1/me:
    get: {{summary: Who I am}}
  /api/ai/query:
    post: {{summary: Ask a question}}
"""
_SCHEMA = "model User {\n  id BigInt @id\n  email String @unique\n}\n"
_TYPESCRIPT = 'export function greet(name: string): string {\n  return "Hello " + name;\n}\n'
_DIAGRAM = "flowchart LR\n  edge --> gateway --> routing\n  gateway --> constitution\n  routing --> ocean\n"
_TSCONFIG = """\
{
  // shared settings
  "extends": "../../tsconfig.base.json",
  "include": ["src"],
}
"""
_SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
_ON_CALL = ("Detect", "Decide", "Act")


class ProductRepository:
    """Manage a bare repository on this machine."""

    def __init__(self, path: Path, release: str) -> None:
        self.path, self._release = path, release

    def create(self, previous: str) -> str:
        """Create it again and return the id of the release's commit.

        Raises OperationError if git is missing or fails.
        """
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path))
        now = datetime.now(UTC)
        draft = {"docs/api/openapi.yaml": _OPENAPI.format(version=previous), "prisma/schema.prisma": "\n"}
        self._commit("First release", draft, now - timedelta(days=90))
        self._tag(f"v{previous}")
        self._commit("Freeze schema and contract", _frozen(self._release), now - timedelta(days=20))
        self._tag(SCHEMA_TAG, API_TAG)
        self._commit(f"Release {self._release}", _released(), now - timedelta(days=1))
        self._tag(f"v{self._release}")
        return self.commit("main")

    def commit(self, name: str) -> str:
        """Return the commit id of a branch or a tag. Raises OperationError if there is none."""
        return self._git("rev-parse", "--verify", f"{name}^{{commit}}").strip()

    def move_freeze(self, *, back: bool) -> None:
        """Move the schema's freeze tag before the last change of the schema, or where it belongs."""
        target = f"refs/tags/{API_TAG}{'~1' if back else ''}"
        self._git("update-ref", f"refs/tags/{SCHEMA_TAG}", target)

    def release_again(self) -> str:
        """Commit what the release lacked, move its tag there, and return the commit's id."""
        files = {"docs/design/schema.md": document("The frozen schema", ("Tables", "Migrations"), 240)}
        # Older than the reports about it, which are from two hours ago.
        at = datetime.now(UTC) - timedelta(hours=3)
        self._commit(f"Release {self._release} with its schema as frozen", files, at)
        self._tag(f"v{self._release}")
        return self.commit("main")

    def write_up(self) -> str:
        """Commit the team's write-up of the launch, and return the commit's id."""
        went = ("What went well", "What went wrong", "Actions")
        files = {
            "docs/launch/lessons-learned.md": document("Lessons learned", went, 260),
            "docs/runbooks/on-call-gateway.md": document("On call, after the launch", _ON_CALL, 340),
            "docs/troubleshooting/gateway.md": document("Troubleshooting, after the launch", (), 440),
            "docs/architecture/overview.md": document("Architecture, as launched", _ARCHITECTURE, 900),
        }
        self._commit("Write down what the launch taught us", files, datetime.now(UTC))
        return self.commit("main")

    @contextmanager
    def altered(self, changes: Sequence[Break]) -> Iterator[str]:
        """Alter documents of the release and of what came after it; yield the release's commit meanwhile."""
        refs = (f"refs/tags/v{self._release}", "refs/heads/main")
        before = {ref: self.commit(ref) for ref in refs}
        try:
            for ref in refs:
                self._git("update-ref", ref, self._altered(before[ref], changes))
            yield self.commit(refs[0])
        finally:
            for ref, commit in before.items():
                self._git("update-ref", ref, commit)

    def _altered(self, commit: str, changes: Sequence[Break]) -> str:
        """Commit the files after the changes, upon a commit; return the new commit's id."""
        dated = [change for change in changes if change.where == HISTORY]
        if dated:
            return self._begun(commit, datetime.fromisoformat(str(dated[0].put)))
        files: dict[str, bytes | None] = {}
        for change in changes:
            path = change.where.removeprefix(DOCUMENT)
            known = files.get(path, self.read(commit, path))
            files[path] = altered_file(known or b"", change)
        at = datetime.now(UTC)
        lines = [
            b"commit refs/heads/altered",
            _committer(at),
            _data("Alter a document"),
            f"from {commit}".encode(),
        ]
        for path, content in files.items():
            kept = content is not None
            lines.append(f"M 100644 inline {path}".encode() if kept else f"D {path}".encode())
            lines += [b"data %d\n%s" % (len(content), content)] if content is not None else []
        self._git("fast-import", "--quiet", "--force", feed=b"\n".join([*lines, b""]))
        return self.commit("refs/heads/altered")

    def _begun(self, commit: str, at: datetime) -> str:
        """Commit what a commit holds as the first commit of all, at a moment."""
        author, committer = (
            f"{who} Azora Team <team@azora.test> {int(at.timestamp())} +0000" for who in _WHO
        )
        tree = self._git("rev-parse", f"{commit}^{{tree}}").strip()
        text = f"tree {tree}\n{author}\n{committer}\n\nBegin again\n"
        return self._git("hash-object", "-t", "commit", "-w", "--stdin", feed=text.encode()).strip()

    def read(self, commit: str, path: str) -> bytes:
        """Return a file of a commit; nothing where there is none."""
        listed = self._git("ls-tree", "--name-only", commit, "--", path)
        return self._git("cat-file", "blob", f"{commit}:{path}").encode() if listed else b""

    def _commit(self, message: str, files: Mapping[str, str], at: datetime) -> None:
        parent = self._git("for-each-ref", "--format=%(objectname)", "refs/heads/main").strip()
        lines = [b"commit refs/heads/main", _committer(at), _data(message)]
        if parent:
            lines.append(f"from {parent}".encode())
        for name, text in files.items():
            lines += [f"M 100644 inline {name}".encode(), _data(text)]
        self._git("fast-import", "--quiet", feed=b"\n".join([*lines, b""]))

    def _tag(self, *names: str) -> None:
        for name in names:
            self._git("update-ref", f"refs/tags/{name}", "refs/heads/main")

    def _git(self, *arguments: str, feed: bytes | None = None) -> str:
        return _git("--git-dir", str(self.path), *arguments, feed=feed)


_WHO = ("author", "committer")


def _committer(at: datetime) -> bytes:
    return f"committer Azora Team <team@azora.test> {int(at.timestamp())} +0000".encode()


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s" % (len(content), content)


def _git(*arguments: str, feed: bytes | None = None) -> str:
    # A user's own git settings must not change the result.
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            ["git", *arguments],  # noqa: S607 - wherever it is installed
            input=feed,
            capture_output=True,
            check=True,
            env={**own, **quiet},
        )
    except FileNotFoundError as error:
        message = "the rehearsal needs the program 'git'; install it"
        raise OperationError(message) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()[:400]
        message = f"git {arguments[0]} failed: {said}"
        raise OperationError(message) from error
    return done.stdout.decode()


def _frozen(release: str) -> Files:
    migrations = {f"prisma/migrations/{name}/migration.sql": text for name, text in MIGRATIONS.items()}
    contract = {"docs/api/openapi.yaml": _OPENAPI.format(version=release)}
    return {**migrations, **contract, "prisma/schema.prisma": _SCHEMA}


_ARCHITECTURE = ("Overview", "Components", "Data flow")


def _released() -> Files:
    return {**_configuration(), **_guides(), **_operations()}


def _configuration() -> Files:
    strict = {"compilerOptions": {"strict": True, "target": "ES2022"}}
    files = {"tsconfig.base.json": json.dumps(strict, indent=2)}
    for name in _SERVICES:
        files[f"services/{name}/tsconfig.json"] = _TSCONFIG
        files[f"services/{name}/src/index.ts"] = _TYPESCRIPT
        chart = f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: 2\n"
        files[f"infrastructure/helm/charts/azora/templates/{name}.yaml"] = chart
    files["infrastructure/helm/charts/azora/Chart.yaml"] = "apiVersion: v2\nname: azora\nversion: 1.0.0\n"
    files["infrastructure/helm/charts/azora/values.yaml"] = "replicas: 2\n"
    return files


def _guides() -> Files:
    return {
        "docs/requirements/product.md": document("Requirements", ("Learning", "Answers"), 340),
        "docs/design/product.md": document("Design", ("Goals", "Non-goals", "Risks"), 560),
        "docs/architecture/overview.md": document("Architecture", _ARCHITECTURE, 860),
        "docs/architecture/product.mmd": _DIAGRAM,
        "docs/user-guide/start.md": document("User guide", ("Sign in", "Ask"), 440),
        "docs/admin-guide/people.md": document("Administration", ("People", "Courses"), 440),
        "docs/troubleshooting/gateway.md": document("Troubleshooting", ("Gateway",), 440),
        "docs/security/incidents.md": document("Security incidents", ("Incident",), 240),
        "SECURITY.md": document("Security", ("Reporting", "Incident"), 240),
        "docs/launch/communication-plan.md": document("Communication plan", ("Who", "When"), 240),
        "docs/launch/customer-notification.md": document("Telling customers", ("Before", "After"), 200),
    }


def _operations() -> Files:
    runbook = ("Prerequisites", "Deploy", "Verify", "Rollback")
    failover = ("Detect", "Decide", "Fail over", "Verify", "Fail back")
    recovery = ("RTO", "RPO", "Failover", "Recovery")
    incident = ("Severity", "Roles", "Communication")
    return {
        "docs/deployment/DEPLOYMENT-RUNBOOK.md": document("Deployment", runbook, 560),
        "docs/deployment/ROLLBACK.md": document("Rollback", ("When", "How"), 260),
        "docs/operations/disaster-recovery.md": document(
            "Disaster recovery", recovery, 560, front="rto: 1h\nrpo: 15m"
        ),
        "docs/runbooks/failover-database.md": document("Failover", failover, 260),
        "docs/runbooks/recovery-database.md": document("Recovery", ("Restore", "Verify"), 260),
        "docs/runbooks/on-call-gateway.md": document("On call", _ON_CALL, 340),
        "docs/runbooks/escalation.md": document("Escalation", ("First", "Second"), 220),
        "docs/runbooks/incident-response.md": document("Incident response", incident, 360),
    }
