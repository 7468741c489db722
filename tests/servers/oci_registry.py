"""Debian's docker-registry, the real one and no fake, and a helper that pushes images."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
import yaml

from servers.programs import free_ports, listens, open_folder, program, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_NOTE = "dev.cosignproject.cosign/signature"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Pusher:
    """Pushes what a test needs."""

    url: str

    def blob(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a blob; gives its descriptor."""
        digest = sha256(content)
        place = requests.post(f"{self.url}/v2/{name}/blobs/uploads/", timeout=10).headers["Location"]
        requests.put(place, params={"digest": digest}, data=content, timeout=10).raise_for_status()
        return {"digest": digest, "size": len(content)}

    def manifest(self, name: str, tag: str, document: dict[str, Any]) -> str:
        """Upload a manifest; gives its digest."""
        content = json.dumps(document).encode()
        headers = {"Content-Type": document["mediaType"]}
        url = f"{self.url}/v2/{name}/manifests/{tag}"
        requests.put(url, data=content, headers=headers, timeout=10).raise_for_status()
        return sha256(content)

    def image(
        self, name: str, tag: str, platform: str = "linux/amd64", form: str = MANIFEST, **labels: str
    ) -> str:
        """Push an image of one platform; gives its digest."""
        system, architecture, *variant = platform.split("/")
        described = {"os": system, "architecture": architecture, "created": "2026-01-02T03:04:05Z"}
        described |= {"variant": variant[0]} if variant else {}
        layer = self.blob(name, f"layer of {platform}".encode())
        described |= {"rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
        config = self.blob(name, json.dumps({**described, "config": {"Labels": labels}}).encode())
        kinds = (form.replace("manifest.v1", "config.v1"), "application/vnd.oci.image.layer.v1.tar")
        if form == DOCKER_MANIFEST:
            kinds = (
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar",
            )
        document = {"schemaVersion": 2, "mediaType": form, "config": {**config, "mediaType": kinds[0]},
                    "layers": [{**layer, "mediaType": kinds[1]}]}  # fmt: skip
        return self.manifest(name, tag, document)

    def signed(self, name: str, digest: str, signs: str = "", note: str = "MEUCIQ==") -> str:
        """Attach a signature as cosign does (specs/SIGNATURE_SPEC.md); gives the digest of its payload."""
        claim = {
            "critical": {
                "identity": {"docker-reference": f"registry.test/{name}"},
                "image": {"docker-manifest-digest": signs or digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        payload = self.blob(name, json.dumps(claim).encode())
        layer = {**payload, "mediaType": SIMPLE_SIGNING, "annotations": {SIGNATURE_NOTE: note}}
        rootfs = {"type": "layers", "diff_ids": [payload["digest"]]}
        described = {"architecture": "", "config": {}, "os": "", "rootfs": rootfs}
        config = self.blob(name, json.dumps(described).encode())
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
                    "config": {**config, "mediaType": MANIFEST.replace("manifest", "config")}}  # fmt: skip
        self.manifest(name, f"{digest.replace(':', '-')}.sig", document)
        return str(payload["digest"])

    def referring(
        self, name: str, digest: str, kind: str, content: tuple[str, bytes], **notes: str
    ) -> dict[str, Any]:
        """Push an artifact that refers to a manifest (image-spec 1.1, "Guidelines for Artifact Usage")."""
        layer = {**self.blob(name, content[1]), "mediaType": content[0]}
        config = {**self.blob(name, b"{}"), "mediaType": "application/vnd.oci.empty.v1+json"}
        notes = {key.replace("_", "."): value for key, value in notes.items()}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config,
                    "layers": [layer], "annotations": notes,
                    "subject": {"mediaType": MANIFEST, "digest": digest, "size": 1}}  # fmt: skip
        own = self.manifest(name, sha256(json.dumps(document).encode()), document)
        return {"mediaType": MANIFEST, "digest": own, "size": 1, "artifactType": kind, "annotations": notes}

    def referrers(self, name: str, digest: str, *listed: dict[str, Any]) -> None:
        """Push the fallback list of referrers (distribution-spec, "Referrers Tag Schema")."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(listed)}
        self.manifest(name, digest.replace(":", "-"), document)

    def index(self, name: str, tag: str, members: dict[str, str]) -> str:
        """Push an index of platforms to digests, with an attestation as BuildKit adds it."""
        listed = []
        for platform, digest in members.items():
            system, architecture, *variant = platform.split("/")
            described = {
                "os": system,
                "architecture": architecture,
                **({"variant": variant[0]} if variant else {}),
            }
            listed.append({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": described})
        note = {"os": "unknown", "architecture": "unknown"}
        listed.append({**listed[0], "platform": note})
        return self.manifest(name, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def serving(storage: Path, auth: dict[str, Any] | None = None) -> Iterator[str]:
    """Run a registry over a folder; gives its URL."""
    with open_folder() as folder:
        port = free_ports(1)[0]
        settings: dict[str, Any] = {
            "version": "0.1", "log": {"level": "warn"}, "http": {"addr": f"127.0.0.1:{port}"},
            "storage": {"filesystem": {"rootdirectory": str(storage)}},
        }  # fmt: skip
        settings |= {"auth": auth} if auth else {}
        (folder / "config.yml").write_text(yaml.safe_dump(settings))
        argv = [program("docker-registry", "docker-registry"), "serve", str(folder / "config.yml")]
        with running(argv, lambda: listens(port), folder):
            yield f"http://127.0.0.1:{port}"
