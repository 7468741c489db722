"""What tests of several kinds of checks share."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest
import trustme

from servers import tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ssl.SSLContext, str]]:
    """Return a server's TLS context and its authority's file; git mirrors go to a temporary folder."""
    folder, authority = tmp_path_factory.mktemp("trust"), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield tls.context(authority), str(folder / "ca.pem")
