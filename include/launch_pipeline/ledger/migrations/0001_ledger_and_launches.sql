-- The ledger: one row per fact, in the order it was kept.
CREATE TABLE launch.ledger (
    seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    launch_id        text        NOT NULL,
    kind             text        NOT NULL,
    dag_id           text        NOT NULL,
    item_ref         text        NOT NULL,
    task_instance_id text        NOT NULL,
    try_number       integer     NOT NULL,
    -- "json", not "jsonb": the text is kept as it was sent, so digests of it stay true.
    content          json        NOT NULL,
    appended_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ledger_kept_once UNIQUE (task_instance_id, try_number, kind, item_ref)
);
CREATE INDEX ledger_by_launch ON launch.ledger (launch_id, kind, dag_id, seq);

-- The state of each launch; its history is in the ledger.
CREATE TABLE launch.launches (
    launch_id         text        PRIMARY KEY,
    environment       text        NOT NULL,
    rehearsal         boolean     NOT NULL,
    release           text        NOT NULL,
    release_sha       text        NOT NULL,
    planned_at        timestamptz NOT NULL,
    launch_at         timestamptz NOT NULL,
    state             text        NOT NULL,
    started_by        text        NOT NULL,
    started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,
    conf              json        NOT NULL,
    checklist_digests json        NOT NULL,
    CONSTRAINT launches_end_once CHECK ((state = 'active') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX launches_one_active_per_environment
    ON launch.launches (environment) WHERE state = 'active' AND NOT rehearsal;
