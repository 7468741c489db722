"""``git_repository`` with ``forbid``: every file is searched, or said not to have been."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import gzip
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import raw
from servers.work_tree import WorkTree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SECRET = "first\nSECRET_KEY=abc\n"
CLEAN = "first\nnothing here\n"
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def asked(work: WorkTree, **params: Any) -> CheckResult:
    return work.asked(**{"paths": ["**/*"], "forbid": ["SECRET_KEY="], **params})


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_searched(tmp_path: Path, encoding: str) -> None:
    """Text is found in each encoding of Unicode, with a mark and without; text that is clean passes."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.reg": SECRET.encode(encoding)})
    result = asked(work)
    assert (result.verdict, result.observed["hits"]) == (F, [{"path": "a.reg", "line": 2}])
    work.write({"a.reg": CLEAN.encode(encoding)})
    assert asked(work).verdict is P
    work.write({"a.reg": SECRET.encode(encoding)})
    assert asked(work, forbid=["^first$"]).verdict is F


CONTENTS: dict[str, tuple[bytes, Verdict, str]] = {
    "a byte that is no letter": (SECRET.encode().replace(b"first", b"fi\0st"), Q, "a.bin is binary"),
    "compressed": (gzip.compress(SECRET.encode(), mtime=0), Q, "a.bin is binary"),
    "half of a letter": (SECRET.encode("utf-16")[:-1], Q, "a.bin is binary"),
    "encrypted by git-crypt": (b"\0GITCRYPT\0" + bytes(range(200, 240)), Q, "a.bin is binary"),
    "control signs alone": (b"\x1f\x8b\x08\x01\xff\xfe\xfd SECRET", Q, "a.bin is binary"),
    "a mark and control signs": (b"\xff\xfe\x01\x00\x02\x00", Q, "a.bin is binary"),
    "more than is searched": (b"x" * (32 * 1024 * 1024) + SECRET.encode(), Q, "a.bin is larger than 32 MiB"),
    "a pointer to Git LFS": (POINTER.encode(), Q, "a.bin is kept in Git LFS"),
    "a pointer to git-annex": (b"/annex/objects/SHA256E-s5--" + b"0" * 64 + b"\n", Q, "a.bin is kept in git-annex"),
    "Latin-1": (("caf\xe9 " + SECRET).encode("latin-1"), F, "a.bin"),
    "clean Latin-1": (("caf\xe9 " + CLEAN).encode("latin-1"), P, "hits = []"),
    "one long line": (b"x" * 3_000_000 + b"SECRET_KEY=1", F, "a.bin"),
    "lines of an old Mac": (b"x\rSECRET_KEY=1\ry", F, "a.bin"),
    "nothing": (b"", P, "hits = []"),
    "a form feed and colours": (b"\x0c\x1b[0m x", P, "hits = []"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "verdict", "headline"), CONTENTS.values(), ids=CONTENTS.keys())
def test_content(tmp_path: Path, content: bytes, verdict: Verdict, headline: str) -> None:
    """What cannot be searched is named, what can be is searched."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.bin": content})
    result = asked(work)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))
PICTURES: dict[str, tuple[dict[str, bytes], Verdict, str]] = {
    "a picture beside a text": ({"a.md": CLEAN.encode(), "p.PNG": PNG}, P, "hits = []"),
    "a picture beside a hit": ({"a.md": SECRET.encode(), "p.png": PNG}, F, "a.md"),
    "a picture by its name alone": ({"a.md": CLEAN.encode(), "p.png": b"\0" + SECRET.encode()}, Q, "p.png is binary"),
    "a picture by its content alone": ({"a.md": CLEAN.encode(), "p.env": PNG}, Q, "p.env is binary"),
    "pictures alone": ({"a.png": PNG, "b.png": PNG}, Q, "every file is a picture"),
    "text that is named as a picture": ({"a.png": SECRET.encode()}, F, "a.png"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "verdict", "headline"), PICTURES.values(), ids=PICTURES.keys())
def test_pictures_hold_no_lines(
    tmp_path: Path, files: dict[str, bytes], verdict: Verdict, headline: str
) -> None:
    """A picture among texts is no reason for doubt, but it proves nothing on its own."""
    work = WorkTree(tmp_path / "work")
    work.write(files)
    result = asked(work)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


@pytest.mark.parametrize("attribute", ["binary", "-text", "-diff", "diff=nothing", "export-ignore"])
def test_attributes_hide_nothing(tmp_path: Path, attribute: str) -> None:
    """A file is not left out because an attribute calls it binary."""
    work = WorkTree(tmp_path / "work")
    work.write({".gitattributes": f"*.ts {attribute}\n", "a.ts": SECRET})
    (work.path / ".git/info/attributes").write_text(f"* {attribute}\n")
    assert asked(work).verdict is F


NAMES = [
    b"a\nb.ts",
    b'"quoted".ts',
    b"-e.ts",
    b".hidden.ts",
    b"caf\xe9.ts",
    b"a:b\\c.ts",
    b"1.ts:3:x.ts",
    b" .ts",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_searched(tmp_path: Path, name: bytes) -> None:
    """A file is found under whatever name it has."""
    work = WorkTree(tmp_path / "work")
    work.write({"x": "x"})
    work.entry("100644", SECRET.encode(), name)
    work.git("commit", "-q", "-m", "m")
    result = work.asked(paths=["**/*.ts"], forbid=["SECRET_KEY="])
    hits = [{"path": name.decode("utf-8", "replace"), "line": 2}]
    assert (result.verdict, result.observed["hits"]) == (F, hits)


def test_excluded_name_of_a_folder_leaves_its_files(tmp_path: Path) -> None:
    """A glob without ``**`` takes the file of that name alone, as everywhere."""
    work = WorkTree(tmp_path / "work")
    work.write({"src/old/a.ts": SECRET})
    assert asked(work, exclude=["src/old"]).verdict is F
    assert asked(work, exclude=["src/old/**"]).observed["files"] == 0


@pytest.mark.parametrize("pattern", ["(", "(?<a", "[z-a]"])
def test_pattern_that_git_refuses(tmp_path: Path, pattern: str) -> None:
    """A pattern that is none proves nothing."""
    work = WorkTree(tmp_path / "work")
    work.write({"a": "a"})
    result = asked(work, forbid=[pattern])
    assert (result.verdict, "git grep failed" in raw(result)) == (Q, True), result.headline


def test_pattern_with_look_behind(tmp_path: Path) -> None:
    """Patterns are Perl's, as git reads them."""
    work = WorkTree(tmp_path / "work")
    work.write({"a": "xTODO\nyTODO\r\n"})
    assert asked(work, forbid=[r"(?<!x)TODO$"]).observed["hits"] == [{"path": "a", "line": 2}]


def test_letters_beyond_ascii_need_an_encoding(tmp_path: Path) -> None:
    """Where the encoding is not known, only ASCII can be looked for."""
    work = WorkTree(tmp_path / "work")
    work.write({"a": "caf\xe9".encode("latin-1")})
    assert asked(work, forbid=["th\xe9"]).verdict is Q


def test_hit_decides_whatever_was_not_searched(tmp_path: Path) -> None:
    """Text that was found is wrong; how often it occurs is not known then."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.ts": SECRET, "b.gz": gzip.compress(b"x", mtime=0)})
    assert asked(work).verdict is F
    assert asked(work, expect={"hits": "exists", "hit_count": "<= 5"}).verdict is Q
    assert asked(work, exclude=["*.ts"]).headline.count("b.gz is binary") == 1


def test_submodule_is_not_searched(tmp_path: Path) -> None:
    """The files of a submodule are in another repository; where a glob may mean them, they are not known."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.ts": CLEAN})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},packages/ui")
    work.git("commit", "-q", "-m", "m")
    result = work.asked(paths=["**/*.ts"], forbid=["x"])
    assert (result.verdict, "packages/ui is a submodule" in raw(result)) == (Q, True), result.headline
    for params in ({"exclude": ["packages/ui/**"]}, {"paths": ["*.ts"]}, {"paths": ["{a,src/**/*}.ts"]}):
        assert work.asked(**{"paths": ["**/*.ts"], "forbid": ["x"], **params}).verdict is P
    assert work.asked(paths=["packages/*"]).observed["files"] == 0
    assert work.asked(paths=["packages/*", "a.ts"], forbid=["x"]).verdict is P


LINKS: dict[str, tuple[dict[str, str], Verdict, str]] = {
    "a file": ({"docs/a.md": "../other/real.md"}, F, '"path": "other/real.md"'),
    "a link to a link": ({"docs/a.md": "b", "docs/b": "../other/real.md"}, F, '"path": "other/real.md"'),
    "a folder": ({"docs/sub": "../other"}, F, '"path": "other/real.md"'),
    "a folder in the way": ({"docs/sub": "../other", "docs/a.md": "sub/real.md"}, F, '"path": "other/real.md"'),
    "nothing": ({"docs/a.md": "gone.md"}, Q, "docs/a.md is a link to 'gone.md', which is not in the repository"),
    "outside": ({"docs/a.md": "../../etc/passwd"}, Q, "which is not in the repository"),
    "the root": ({"docs/a.md": "/etc/passwd"}, Q, "which is not in the repository"),
    "a path that is here below": ({"docs/a.md": "/other/real.md"}, Q, "which is not in the repository"),
    "a folder outside": ({"docs/sub": "../../shared"}, Q, "docs/sub is a link to '../../shared'"),
    "itself": ({"docs/a.md": "a.md"}, Q, "docs/a.md is a link"),
    "a folder by the name of a file": ({"docs/a.md": "../other"}, F, '"path": "other/real.md"'),
}  # fmt: skip


@pytest.mark.parametrize(("links", "verdict", "headline"), LINKS.values(), ids=LINKS.keys())
def test_link_is_what_it_leads_to(
    tmp_path: Path, links: dict[str, str], verdict: Verdict, headline: str
) -> None:
    """A link is read as the file that it leads to; one that leads nowhere is unknown."""
    work = WorkTree(tmp_path / "work")
    work.write({"other/real.md": SECRET})
    for path, target in links.items():
        work.entry("120000", target.encode(), path.encode())
    work.git("commit", "-q", "-m", "m")
    result = work.asked(paths=["docs/**/*.md"], forbid=["SECRET_KEY="], expect={"files": ">= 0"})
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_linked_file_counts_once(tmp_path: Path) -> None:
    """A second name is no second document."""
    work = WorkTree(tmp_path / "work")
    work.write({"docs/a.md": "# One\n\nfive words are in here"})
    work.entry("120000", b"docs/a.md", b"SECURITY.md")
    work.git("commit", "-q", "-m", "m")
    result = work.asked(paths=["SECURITY.md", "docs/*.md"], min_files=2, min_words=8)
    assert (result.observed["files"], result.observed["words"]) == (1, 7)
    assert result.verdict is F


def test_link_changes_with_its_target(tmp_path: Path) -> None:
    """A link's history is that of the file it leads to."""
    work = WorkTree(tmp_path / "work")
    work.write({"packages/db/schema.prisma": "one"})
    work.entry("120000", b"../packages/db/schema.prisma", b"prisma/schema.prisma")
    work.git("commit", "-q", "-m", "m")
    work.git("tag", "freeze")
    work.git("checkout", "-q", "-f", "main")
    asked = {"paths": ["prisma/schema.prisma"], "unchanged_since": "freeze"}
    assert work.asked(**asked).verdict is P
    work.write({"packages/db/schema.prisma": "two"})
    assert work.asked(**asked).verdict is F


UNREAD: dict[str, tuple[dict[str, Any], Verdict]] = {
    "values": ({"values": {"a": "== 1"}}, Q),
    "what must be absent": ({"values": {"b": "absent"}}, Q),
    "too few words": ({"min_words": 100}, Q),
    "enough words": ({"min_words": 2}, P),
    "few words": ({"min_words": 1, "expect": {"words": "< 100"}}, Q),
    "a heading": ({"headings": ["Scope"]}, Q),
}


@pytest.mark.parametrize(("params", "verdict"), UNREAD.values(), ids=UNREAD.keys())
def test_content_that_is_elsewhere_is_not_read(
    tmp_path: Path, params: dict[str, Any], verdict: Verdict
) -> None:
    """A pointer is not the file: what it may hold is unknown, what others hold is enough."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.yaml": POINTER, "b.yaml": "a: 1\nword: more"})
    assert work.asked(paths=["*.yaml"], **params).verdict is verdict


def test_wrong_value_decides(tmp_path: Path) -> None:
    """A value that is wrong fails, whatever could not be read."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.json": POINTER, "b.json": '{"strict": false}'})
    assert work.asked(paths=["*.json"], values={"strict": "== true"}).verdict is F


def test_document_in_utf_16(tmp_path: Path) -> None:
    """A document is read in its own encoding."""
    work = WorkTree(tmp_path / "work")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        work.write({"a.json": '{"strict":true}'.encode(encoding)})
        assert work.asked(paths=["*.json"], values={"strict": "== true"}).verdict is P


def test_every_reading_is_searched(tmp_path: Path) -> None:
    """Without a mark the bytes may be read in two ways; what one of them says is there."""
    work = WorkTree(tmp_path / "work")
    work.write({"a": "\u4100\u4e2d".encode("utf-16-le")})
    assert [asked(work, forbid=[word]).verdict for word in ("\u4100", "A", "B")] == [F, F, P]


def test_objects_that_are_not_there(tmp_path: Path) -> None:
    """A clone without its contents cannot be searched."""
    work = WorkTree(tmp_path / "work")
    work.write({"a.ts": CLEAN})
    oid = work.git("rev-parse", "HEAD:a.ts")
    (work.path / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()
    assert subprocess.run(["git", "fsck"], cwd=work.path, capture_output=True, check=False).returncode
    assert asked(work).verdict is Q
