"""Show launches in Slack, and take answers from it.

* ``messages``: pure builders of messages and modals, and the schema that they obey;
* ``bridge``: the process between Slack and Airflow (``launch slack``);
* ``protocol`` and ``api_client``: what the bridge and the launch plugin in Airflow exchange;
* ``store``: which message is which in Slack; workers and the bridge share it;
* ``errors``: one vocabulary of Slack's errors.
"""

from __future__ import annotations
