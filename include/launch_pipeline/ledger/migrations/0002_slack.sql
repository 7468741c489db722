-- What Slack shows of each launch: which message is which, so that it is changed instead of posted again.
-- Not part of the record: what was told is also an entry of the ledger.
CREATE TABLE launch.slack_messages (
    channel    text        NOT NULL,
    launch_id  text        NOT NULL,
    -- "root", "section/<dag>/<section>/<part>", "note/<key>", "nudge/<key>"
    key        text        NOT NULL,
    -- Slack's id of the message within its channel.
    ts         text        NOT NULL,
    -- Of what was shown last, to see what has changed.
    digest     text        NOT NULL DEFAULT '',
    -- Whether it offers an answer that somebody could still give.
    live       boolean     NOT NULL DEFAULT false,
    posted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (channel, launch_id, key)
);
CREATE INDEX slack_messages_live ON launch.slack_messages (channel) WHERE live;

-- Who was called for which request, and how often.
CREATE TABLE launch.slack_nudges (
    task_instance_id text        NOT NULL,
    try_number       integer     NOT NULL,
    -- "request", "reminder", "escalation"
    level            text        NOT NULL,
    number           integer     NOT NULL,
    launch_id        text        NOT NULL,
    dag_id           text        NOT NULL,
    section_id       text        NOT NULL,
    task_id          text        NOT NULL,
    role             text        NOT NULL,
    told_at          timestamptz NOT NULL,
    PRIMARY KEY (task_instance_id, try_number, level, number)
);
CREATE INDEX slack_nudges_by_launch ON launch.slack_nudges (launch_id);
