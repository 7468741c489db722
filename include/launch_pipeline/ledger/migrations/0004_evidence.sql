-- What the checks of each task instance saw last. Not part of the record: a decision's row holds the evidence
-- it was made on. It is kept here because nothing but the pipeline writes here; an XCom can be written by
-- every account that Airflow lets write XComs.
CREATE TABLE launch.evidence (
    task_instance_id text        PRIMARY KEY,
    launch_id        text        NOT NULL,
    content          json        NOT NULL,
    written_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX evidence_by_launch ON launch.evidence (launch_id);
