"""Collect these tests only where another Python with the locked Airflow is named (``make next-airflow``)."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("LAUNCH_STABLE_PYTHON") else ["test_*.py"]
