"""``object_storage``, and ``report`` at ``s3://``, against moto's server."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.kinds.object_storage.definition import ObjectStorageParams
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import moto_server
from servers.checking import check, context, raw, run
from servers.moto_server import OLDEST, PAGE, REGION, connection
from servers.odd import Odd
from servers.programs import wait_for
from servers.shipped import shipped
from servers.web import http_connection

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("object_storage")
COMMIT = "a" * 40


@pytest.fixture(scope="module")
def store(aws: str) -> str:
    """Create a correct bucket of backups, a plain one, an empty one, and a public one."""
    for name in ("backups", "plain", "open", "granted"):
        s3 = moto_server.bucket(aws, name)
    moto_server.bucket(aws, "oldest-region", OLDEST)
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="backups", ServerSideEncryptionConfiguration={"Rules": [default]})
    s3.put_bucket_versioning(Bucket="backups", VersioningConfiguration={"Status": "Enabled"})
    rules = [
        {"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": "database/"}, "Expiration": {"Days": 35}},
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": "database/"}, "Expiration": {"Days": 1}},
        {"ID": "else", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 2}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket="backups", LifecycleConfiguration={"Rules": rules})
    s3.put_object(
        Bucket="backups", Key="database/base/1.tar", Body=b"x" * 1_100_000, ServerSideEncryption="AES256"
    )
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::open/*",
    }
    s3.put_bucket_policy(
        Bucket="open", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    s3.put_bucket_acl(Bucket="granted", ACL="public-read")
    _without_effect(aws)
    _of_barman(aws)
    return aws


def _of_barman(url: str) -> None:
    """Create the bucket that the checklists ask for, with a backup as barman-cloud-backup writes it."""
    s3 = moto_server.bucket(url, "barman")
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="barman", ServerSideEncryptionConfiguration={"Rules": [default]})
    s3.put_bucket_versioning(Bucket="barman", VersioningConfiguration={"Status": "Enabled"})
    for name, size in (("data.tar.gz", 1_100_000), ("backup.info", 1_397)):
        key = f"azora-postgres/base/20260101T030000/{name}"
        s3.put_object(Bucket="barman", Key=key, Body=b"x" * size, ServerSideEncryption="AES256")


def _without_effect(url: str) -> None:
    """Create buckets whose settings do nothing: an empty object, suspended versioning, a lock without a rule."""
    s3 = moto_server.bucket(url, "hollow")
    s3.put_object(Bucket="hollow", Key="database/base/1.tar", Body=b"", ServerSideEncryption="AES256")
    moto_server.bucket(url, "suspended")
    for state in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": state})
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for name in ("lockable", "locked"):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **place)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=lock)


def asked(url: str, bucket: str, fields: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    return moto_server.asked(url, "object_storage", fields, bucket=bucket, **params)


@pytest.mark.parametrize("spec", SHIPPED.values(), ids=SHIPPED.keys())
def test_shipped_checks_pass_on_a_good_bucket(store: str, spec: CheckSpec) -> None:
    """What the checklists ask of the backups is there to be read."""
    variables = with_product({"backup_bucket": "barman", "primary_region": "eu-west-1"})
    (result,) = run(run_checks([spec], context({"aws": connection(store)}, variables=variables)))
    assert result.verdict is P, result.headline


LOCATION = "backup_disaster_recovery.backup_location"
PLACES: dict[str, tuple[dict[str, str], list[Verdict]]] = {
    "in another region": ({"backup_bucket": "barman", "primary_region": "eu-west-1"}, [P, P]),
    "in the region of production": ({"backup_bucket": "barman", "primary_region": REGION}, [F, P]),
    "copied to another region": (
        {"backup_bucket": "plain", "backup_copy_bucket": "barman", "primary_region": "eu-west-1"}, [P, P]),
    "copied, and the first one is public": (
        {"backup_bucket": "open", "backup_copy_bucket": "barman", "primary_region": "eu-west-1"}, [P, F]),
    "a bucket elsewhere without a backup": (
        {"backup_bucket": "barman", "backup_copy_bucket": "oldest-region", "primary_region": REGION}, [F, P]),
}  # fmt: skip


@pytest.mark.parametrize(("variables", "verdicts"), PLACES.values(), ids=PLACES.keys())
def test_backups_are_in_another_region(
    store: str, variables: dict[str, str], verdicts: list[Verdict]
) -> None:
    """A bucket elsewhere counts if a fresh backup is in it; the database may write nearer."""
    specs = [
        spec for name, spec in shipped("object_storage", **variables).items() if name.startswith(LOCATION)
    ]
    results = run(run_checks(specs, context({"aws": connection(store)}, variables=variables)))
    assert [one.verdict for one in results] == verdicts, [one.headline for one in results]


BUCKETS: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "no such bucket": ("none-such", {}, F, "exists = false, want == true"),
    "an empty bucket": ("plain", {}, F, "newest.size is missing"),
    "an empty prefix": ("backups", {"prefix": "files/"}, F, "newest.size is missing"),
    "too small": ("backups", {"min_size": 2_000_000}, F, "newest.size = 1100000"),
    "young enough": ("backups", {"max_age": "1h"}, P, "newest.age_s"),
    "too old": ("backups", {"max_age": "1ms"}, F, "newest.age_s"),
    "no encryption": ("plain", {"expect": {"encryption": "in ['aws:kms','AES256']"}}, F, "encryption"),
    "encryption of the object itself": ("backups", {"expect": {"newest.encryption": "== AES256"}}, P, "AES256"),
    "no rule deletes, and so all is kept": ("plain", {"keep": "30d"}, P, "early_rules = []"),
    "kept for long enough": ("backups", {"prefix": "database/base/", "keep": "35d"}, P, "early_rules = []"),
    "not kept for long enough": ("backups", {"prefix": "database/base/", "keep": "36d"}, F, "keep: after 35 days"),
    "a rule for a part of the prefix deletes earlier": ("backups", {"keep": "30d"}, F, "else: after 2 days"),
    "no versioning": ("plain", {"expect": {"versioning": "== Enabled"}}, F, "versioning = Disabled"),
    "no rule deletes": ("plain", {"expect": {"lifecycle_days": ">= 30"}}, F, "lifecycle_days is missing"),
    "the rule of the prefix": ("backups", {"prefix": "logs/a/", "expect": {"lifecycle_days": ">= 30"}}, F, "lifecycle_days = 2"),
    "rules that are not about all objects": ("backups", {"expect": {"lifecycle_days": "== 2"}}, Q, "only some objects"),
    "the rule of the very prefix": ("backups", {"prefix": "database/", "expect": {"lifecycle_days": ">= 30"}}, P, "lifecycle_days = 35"),
    "a rule of a part of the prefix": ("backups", {"prefix": "data", "expect": {"lifecycle_days": ">= 30"}}, Q, "only some objects"),
    "versions outlive their objects": ("backups", {"prefix": "database/", "expect": {"lifecycle_days": "<= 90"}}, Q, "NoncurrentVersionExpiration"),
    "what is asked of the newest is asked of one that is not empty": ("hollow", {"expect": {"newest.encryption": "exists"}}, F, "newest.size = 0"),
    "a size that is asked for counts beside the rest": ("backups", {"min_size": 2_000_000, "expect": {"versioning": "== Enabled"}}, F, "newest.size = 1100000"),
    "versioning that is suspended": ("suspended", {"expect": {"versioning": "== Enabled"}}, F, "versioning = Suspended"),
    "a lock that locks nothing by itself": ("lockable", {"expect": {"object_lock": "== true"}}, Q, "without a default retention"),
    "a lock": ("locked", {"expect": {"object_lock": "== true"}}, P, "object_lock = true"),
    "no lock": ("plain", {"expect": {"object_lock": "== true"}}, F, "object_lock = false"),
    "region": ("plain", {"expect": {"region": f"== {REGION}"}}, P, REGION),
    "the region that S3 calls null": ("oldest-region", {"expect": {"region": "== us-east-1"}}, P, "us-east-1"),
    "not public": ("plain", {"expect": {"public": "== false"}}, P, "public = false"),
    "public by a grant": ("granted", {"expect": {"public": "== false"}}, F, "public = true"),
}  # fmt: skip


@pytest.mark.parametrize(("bucket", "params", "verdict", "headline"), BUCKETS.values(), ids=BUCKETS.keys())
def test_bucket(store: str, bucket: str, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """What the store answers is judged; what is not configured is missing."""
    result = asked(store, bucket, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


@pytest.mark.parametrize(
    "expect",
    [{"versioning": "exists"}, {"versioning": "!= Disabled"}, {"versioning": "not in ['Disabled']"},
     {"object_lock": "exists"}, {"public": "exists"}, {"region": ["exists"]}],
    ids=str,
)  # fmt: skip
def test_a_comparison_that_says_nothing_is_refused(expect: dict[str, Any]) -> None:
    """Every bucket has these facts, and one that is not Disabled may be Suspended: the checklist is refused."""
    with pytest.raises(ValidationError, match="says nothing; write for example"):
        ObjectStorageParams(bucket="b", expect=expect)


def test_a_public_policy_never_passes(store: str) -> None:
    """A bucket that its policy opens is public; where a store cannot tell, nobody says that it is not."""
    result = asked(store, "open", expect={"public": "== false"})
    assert result.verdict is F, result.headline


def test_a_bucket_that_is_shut_is_not_public(store: str) -> None:
    """The block of public access outdoes policy and grants."""
    s3 = moto_server.bucket(store, "shut")
    shut = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    s3.put_bucket_acl(Bucket="shut", ACL="public-read")
    s3.put_public_access_block(Bucket="shut", PublicAccessBlockConfiguration=shut)
    assert asked(store, "shut", expect={"public": "== false"}).verdict is P


def test_newest_is_by_time_on_any_page(store: str) -> None:
    """The newest is found by its time, though its name is the first and another page ends the list."""
    s3 = moto_server.bucket(store, "many")
    for number in range(2 * PAGE + 1):
        s3.put_object(Bucket="many", Key=f"m/{number:03}", Body=b"old")
    second = datetime.now(UTC).replace(microsecond=0)
    wait_for(lambda: datetime.now(UTC) >= second + timedelta(seconds=1, milliseconds=10), "another second")
    s3.put_object(Bucket="many", Key="m/0-is-new", Body=b"newer")
    wait_for(lambda: datetime.now(UTC) >= second + timedelta(seconds=2, milliseconds=10), "another second")
    s3.put_object(Bucket="many", Key="m/zz/", Body=b"")
    expect = {"newest.key": "== m/0-is-new", "count": f"== {2 * PAGE + 2}"}
    result = asked(store, "many", prefix="m/", expect=expect)
    assert result.verdict is P, result.headline
    last = {"newest.key": f"== m/{2 * PAGE:03}"}
    s3.put_object(Bucket="many", Key=f"m/{2 * PAGE:03}", Body=b"newest now")
    assert asked(store, "many", prefix="m/", expect=last).verdict is P


def test_a_role_is_taken(store: str) -> None:
    """A connection with a role asks as that role, as Airflow does."""
    role = "arn:aws:iam::123456789012:role/launch"
    result = asked(store, "backups", {"role_arn": role, "external_id": "launch-7"})
    assert result.verdict is P, result.headline


def xml(code: str, status: int, **headers: str) -> Odd:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>"
    return Odd(status, body.encode(), "application/xml", headers)


ODD: dict[str, tuple[Odd, str, int]] = {
    "401": (xml("InvalidAccessKeyId", 401), "credentials", 1),
    "403": (xml("AccessDenied", 403), "credentials", 1),
    "clock is wrong": (xml("RequestTimeTooSkewed", 403), "credentials", 1),
    "429 is waited for": (xml("TooManyRequests", 429, **{"Retry-After": "1"}), "busy", 3),
    "503 slow down": (xml("SlowDown", 503), "busy", 3),
    "500": (xml("InternalError", 500), "answered 500", 3),
    "slow": (Odd(slow=True), "no answer within", 3),
    "wrong content type": (Odd(200, b"<html/>", "text/html"), "an HTML page", 1),
    "truncated XML": (Odd(200, b"<?xml version='1.0'?><ListBucketRes", "application/xml"), "answered 500", 3),
    "a redirect to another host": (Odd(302, headers={"Location": "http://localhost:1/"}), "a redirect", 1),
    "huge": (Odd(huge=True, content_type="application/xml"), "more than 16 MiB", 1),
    "not JSON, not XML": (Odd(200, b"hello", "text/plain"), "answered 500", 3),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "headline", "attempts"), ODD.values(), ids=ODD.keys())
def test_odd_answers_are_inconclusive(odd: Odd, headline: str, attempts: int) -> None:
    """Whatever goes wrong on the way is no verdict; what botocore cannot read it calls a 500."""
    result = moto_server.odd_answer(odd, "object_storage", bucket="backups")
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline


def test_a_list_that_ends_before_its_end() -> None:
    """Some stores cut a list and give no token for the rest; ``IsTruncated`` says so (S3, ListObjectsV2)."""
    body = (
        "<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><Contents><Key>k</Key><Size>9</Size>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    odd = Odd(200, body.encode(), "application/xml")
    result = moto_server.odd_answer(odd, "object_storage", bucket="b", expect={"count": "<= 5"})
    assert (result.verdict, "more objects" in raw(result)) == (Q, True), result.headline


def test_a_store_that_does_not_know_the_question() -> None:
    """A store that speaks S3 without policies cannot say that nothing is public."""
    odd = xml("NotImplemented", 501)
    assert (
        moto_server.odd_answer(odd, "object_storage", bucket="b", expect={"public": "== false"}).verdict is Q
    )


@pytest.mark.parametrize(
    ("target", "headline", "attempts"),
    [
        (connection("http://127.0.0.1:1"), "did not answer", 3),
        (
            ConnectionInfo("aws", "aws", login="AKIA", password="x", extra={"endpoint_url": "nonsense"}),
            "cannot be called",
            1,
        ),
        (
            ConnectionInfo("aws", "aws", extra={"endpoint_url": "http://127.0.0.1:1", "region_name": REGION}),
            "credentials",
            1,
        ),
    ],
    ids=["nobody there", "no URL", "no credentials"],
)
@pytest.mark.usefixtures("aws")
def test_nobody_to_ask_is_inconclusive(target: ConnectionInfo, headline: str, attempts: int) -> None:
    """A store that cannot be reached is named, and asked again only where that may help."""
    result = run(check(context({"aws": target}), "object_storage", bucket="b"))
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline


def test_a_region_is_needed(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region nobody knows whom to ask; the check says what to write."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    target = connection(aws, region_name=None, endpoint_url=None)
    result = run(
        check(
            context({"aws": target}),
            "aws_resource",
            service="ec2",
            operation="describe_vpcs",
            expect={"Vpcs": "exists"},
        )
    )
    assert (result.verdict, "region_name" in raw(result)) == (Q, True), result.headline


JUNIT = b'<testsuites><testsuite name="s"><testcase name="a"/></testsuite></testsuites>'


def about(commit: str = COMMIT) -> bytes:
    return json.dumps({"commit": commit, "generated_at": datetime.now(UTC).isoformat()}).encode()


REPORTS: dict[str, tuple[dict[str, bytes], Verdict, str]] = {
    "a report": ({"ci/r.xml": JUNIT, "ci/r.xml.meta.json": about()}, P, "tests = 1"),
    "another commit": ({"ci/r.xml": JUNIT, "ci/r.xml.meta.json": about("b" * 40)}, Q, "is about commit"),
    "no sidecar": ({"ci/r.xml": JUNIT}, Q, "name its commit"),
    "not there": ({}, Q, "no report at s3://"),
    "too large": ({"ci/r.xml": b"x" * (20 * 1024 * 1024 + 1)}, Q, "larger than 20 MiB"),
}  # fmt: skip


@pytest.mark.parametrize("conn_id", ["reports", "aws"])
@pytest.mark.parametrize(("objects", "verdict", "headline"), REPORTS.values(), ids=REPORTS.keys())
def test_report_in_a_bucket(
    store: str, conn_id: str, objects: dict[str, bytes], verdict: Verdict, headline: str
) -> None:
    """A report in a bucket is read with its sidecar, by the connection of reports or else that of AWS."""
    bucket = f"reports-{conn_id}-{abs(hash(headline))}"
    s3 = moto_server.bucket(store, bucket)
    for key, body in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    connections = {conn_id: connection(store)}
    if conn_id == "aws":
        connections["reports"] = http_connection(1, "reports")
    ctx = context(connections, variables={"release_sha": COMMIT, "reports": f"s3://{bucket}"})
    result = run(check(ctx, "report", uri="${reports}/ci/r.xml", format="junit"))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_report_in_a_bucket_that_is_not_ours(store: str) -> None:
    """A bucket that is not there holds no report, and without a connection nobody is asked."""
    ctx = context({"aws": connection(store)}, variables={"release_sha": COMMIT})
    missing = run(check(ctx, "report", uri="s3://none-such/r.xml", format="junit"))
    unknown = run(check(context(), "report", uri="s3://b/r.xml", format="junit", subject=""))
    assert (missing.verdict, "no report at" in raw(missing)) == (Q, True), missing.headline
    assert (unknown.verdict, unknown.headline) == (Q, "not connected: aws")
