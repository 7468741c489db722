"""Debian's nginx: a rate limit with and without its status set, old TLS and new."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.programs import free_ports, listens, open_folder, program, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme


@dataclass(frozen=True)
class Nginx:
    """Ports of its servers."""

    limited: int
    """``/default`` limits as nginx does by itself, ``/limited`` with ``limit_req_status 429``."""
    modern: int
    old: int
    expired: int


@contextmanager
def serving(authority: trustme.CA, good: trustme.LeafCert, expired: trustme.LeafCert) -> Iterator[Nginx]:
    """Run it; certificates are for ``localhost``."""
    with open_folder() as folder:
        made = Nginx(*free_ports(4))
        for name, certificate in (("good", good), ("expired", expired)):
            certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        (folder / "nginx.conf").write_text(_settings(str(folder), made))
        argv = [
            program("nginx", "nginx-light"),
            "-p",
            str(folder),
            "-c",
            str(folder / "nginx.conf"),
            "-e",
            "stderr",
        ]
        with running(argv, lambda: listens(made.expired), folder, stop=signal.SIGTERM):
            yield made


def _settings(folder: str, made: Nginx) -> str:
    temporary = "\n".join(
        f"  {name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off; pid {folder}/nginx.pid; worker_processes 1;
events {{ worker_connections 256; }}
http {{
{temporary}
  access_log off;
  limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;
  limit_req_zone $binary_remote_addr zone=b:1m rate=1r/s;
  server {{
    listen 127.0.0.1:{made.limited};
    location /default {{ limit_req zone=a burst=5 nodelay; try_files /none @ok; }}
    location /limited {{ limit_req zone=b burst=5 nodelay; limit_req_status 429; try_files /none @ok; }}
    location @ok {{ add_header X-Content-Type-Options nosniff always; return 200 "ok"; }}
    location /down {{ proxy_pass http://127.0.0.1:1; }}
  }}
  server {{
    listen 127.0.0.1:{made.modern} ssl;
    ssl_certificate {folder}/good.pem; ssl_certificate_key {folder}/good.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
  }}
  server {{
    listen 127.0.0.1:{made.old} ssl;
    ssl_certificate {folder}/good.pem; ssl_certificate_key {folder}/good.pem;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers DEFAULT@SECLEVEL=0;
  }}
  server {{
    listen 127.0.0.1:{made.expired} ssl;
    ssl_certificate {folder}/expired.pem; ssl_certificate_key {folder}/expired.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
  }}
}}
"""
