"""Build what is announced of a launch, as data that any channel can show.

Where to look:

* ``phase_notes``: the message about a phase that ended;
* ``launch_notes``: the messages about a launch as a whole (started, go, no go, window missed, complete, ...);
* ``next_steps``: the line that says what comes next, and when;
* ``model``: the data of a note; ``text`` renders it as plain text, ``slack/messages/notes.py`` for Slack;
* ``keys``: what makes two notes the same note, so that each is posted once;
* ``announcements``: the ledger's entry for a note;
* ``links``: addresses of pages in Airflow's web UI.

Workers post through ``airflow/notifiers``. The bridge posts what a worker could not
(``slack/bridge/projection/catch_up.py``). Both build their notes here.
"""

from __future__ import annotations
