"""Serve the bucket of the backups to S3 clients; broken, it is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.product.platform.aws_xml import Tree, answered, refused, xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from launch_rehearsal.product.base.health import Health

BUCKET = "azora-backups"
REGION = "eu-west-1"
"""Not the product's region, so that one disaster cannot take both."""
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_NIGHTS = 3
_KEEP_DAYS = 35
_SHUT = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_CONFIGURATION: Mapping[str, tuple[str, Tree]] = {
    "encryption": (
        "ServerSideEncryptionConfiguration",
        {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}},
    ),
    "versioning": ("VersioningConfiguration", {"Status": "Enabled"}),
    "lifecycle": (
        "LifecycleConfiguration",
        {
            "Rule": {
                "ID": "keep",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Expiration": {"Days": _KEEP_DAYS},
            }
        },
    ),
    "location": ("LocationConstraint", REGION),
    "publicAccessBlock": ("PublicAccessBlockConfiguration", dict.fromkeys(_SHUT, True)),
}
"""The configuration documents by subresource of the address."""


class Bucket:
    """Hold the base backups of the last nights, the newest a few hours old."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._began = datetime.now(UTC)

    def routes(self) -> list[web.RouteDef]:
        """List the routes, for path-style addresses."""
        bucket = "/{bucket:[a-z0-9.-]+}"
        return [
            web.get(bucket, self._asked),
            web.get(f"{bucket}/", self._asked),
            web.head(f"{bucket}/{{key:.+}}", self._object),
        ]

    def _there(self, request: web.Request) -> bool:
        return self._health.works(Part.BACKUPS) and request.match_info["bucket"] == BUCKET

    def _objects(self) -> Iterator[tuple[str, int, datetime]]:
        for night in range(_NIGHTS):
            at = self._began - timedelta(hours=3, days=night)
            # As barman-cloud-backup writes them: the small list of the backup comes last.
            base = f"azora-postgres/base/{at:%Y%m%dT%H%M%S}"
            yield f"{base}/data.tar.gz", 48_213_004 - night * 40_000, at
            yield f"{base}/backup.info", 1_397, at + timedelta(seconds=2)

    async def _asked(self, request: web.Request) -> web.Response:
        if not self._there(request):
            return refused(404, "NoSuchBucket")
        for question, (name, tree) in _CONFIGURATION.items():
            if question in request.query:
                return answered(xml(name, tree, _NAMESPACE))
        if request.query.get("list-type") != "2":
            return refused(501, "NotImplemented")
        return answered(xml("ListBucketResult", self._listed(request.query), _NAMESPACE))

    def _listed(self, query: Mapping[str, str]) -> Tree:
        prefix, most = query.get("prefix", ""), int(query.get("max-keys", "1000"))
        found = [one for one in sorted(self._objects()) if one[0].startswith(prefix)]
        contents = [
            {
                "Key": key,
                "LastModified": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "Size": size,
                "StorageClass": "STANDARD",
            }
            for key, size, at in found[:most]
        ]
        # A request for a single key only tests whether the bucket exists; no check asks for more.
        counts = {"KeyCount": len(contents), "MaxKeys": most, "IsTruncated": False}
        return {"Name": BUCKET, "Prefix": prefix, **counts, "Contents": contents}

    async def _object(self, request: web.Request) -> web.Response:
        for key, size, at in self._objects():
            if self._there(request) and key == request.match_info["key"]:
                headers = {
                    "Content-Length": str(size),
                    "Last-Modified": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
                    "x-amz-server-side-encryption": "aws:kms",
                }
                return web.Response(headers=headers)
        return web.Response(status=404)
