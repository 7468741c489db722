"""Run the process between Slack and Airflow (``launch slack``): it shows open requests and sends answers.

It can approve nothing by itself: the api-server's plugin checks who answers, and Airflow records it.
"""

from __future__ import annotations
