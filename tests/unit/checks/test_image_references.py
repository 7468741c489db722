"""Names of images, as container runtimes and nodes write them.

By https://github.com/distribution/reference (``ParseNormalizedNamed``).
"""

from __future__ import annotations

import pytest

from launch_pipeline.checks.language.image_references import image_id, is_of, repository

HEX = "0" * 64


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("nginx", ("docker.io", "library/nginx")),
        ("nginx:1.27", ("docker.io", "library/nginx")),
        ("docker.io/nginx", ("docker.io", "library/nginx")),
        ("index.docker.io/library/nginx:1", ("docker.io", "library/nginx")),
        ("shop/api", ("docker.io", "shop/api")),
        ("localhost/api:1", ("localhost", "api")),
        ("localhost:5000/api", ("localhost:5000", "api")),
        ("registry.test:5000/shop/api:1.0.0", ("registry.test:5000", "shop/api")),
        ("registry.test/shop/api@sha256:" + HEX, ("registry.test", "shop/api")),
        ("registry.test:5000/a/b/c:v1@sha256:" + HEX, ("registry.test:5000", "a/b/c")),
    ],
)
def test_repository(reference: str, found: tuple[str, str]) -> None:
    """Registry and repository come out, whatever stands beside them."""
    assert repository(reference) == found


@pytest.mark.parametrize(
    ("reference", "name", "same"),
    [
        ("registry.test/shop/api:1", "shop/api", True),
        ("mirror.test/cache/shop/api:1", "shop/api", True),
        ("nginx", "nginx", True),
        ("nginx", "library/nginx", True),
        ("registry.test/shop/api-gateway:1", "shop/api", False),
        ("registry.test/workshop/api:1", "shop/api", False),
        ("registry.test/api:shop/api", "shop/api", False),
        ("", "shop/api", False),
    ],
)
def test_same_repository(reference: str, name: str, same: bool) -> None:
    """A name is that of the repository as a whole; a part of a word is another one."""
    assert is_of(reference, name) is same


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"registry.test/api@sha256:{HEX}", ("registry.test/api", f"sha256:{HEX}")),
        (f"docker-pullable://registry.test/api@sha256:{HEX}", ("registry.test/api", f"sha256:{HEX}")),
        (f"docker://sha256:{HEX}", ("", f"sha256:{HEX}")),
        (f"sha256:{HEX}", ("", f"sha256:{HEX}")),
        (HEX, ("", f"sha256:{HEX}")),
        ("", ("", "")),
        ("registry.test/api:1", ("", "")),
    ],
)
def test_image_id(text: str, found: tuple[str, str]) -> None:
    """Repository and digest, in the spellings of containerd, CRI-O and Docker."""
    assert image_id(text) == found
