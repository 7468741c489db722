"""Fake servers of the vendors that checks ask: strict in protocol, serving the content they are given.

Each class can be served alone. The tests hand in objects and faults; the rehearsal's product subclasses
them so that the answers follow from its state. Slack's fake is ``launch_rehearsal.slack_server``.
"""

from __future__ import annotations
