"""The process between Slack and Airflow (``launch slack``): shows what waits, passes on what people answer.

It can approve nothing by itself: the api-server's plugin judges who answers, and Airflow records it.
"""

from __future__ import annotations
