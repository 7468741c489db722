-- What launches run by: each resolved checklist and environment once, under the digest of its text. The rows of
-- a launch name the digests, so an edited file changes nothing in a launch that has begun.
CREATE TABLE launch.definitions (
    digest    text        PRIMARY KEY,
    content   json        NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT definitions_by_digest CHECK (digest = launch.ledger_text_digest(content::text))
);

ALTER TABLE launch.launches
    -- Empty for a launch that began before definitions were stored.
    ADD COLUMN environment_digest text NOT NULL DEFAULT '',
    ADD COLUMN held_at timestamptz;

-- As in 0005, with the kinds of rows that a launch has gained since.
CREATE OR REPLACE FUNCTION launch.ledger_late(kept launch.ledger) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT kept.kind IN ('decision', 'machine_pass', 'not_reached', 'round', 'bypass', 'seal', 'launch_started',
                         'launch_postponed', 'launch_aborted', 'launch_ended', 'launch_amended',
                         'launch_retargeted', 'launch_held', 'launch_resumed', 'reopened', 'verified_again',
                         'amendment_proposed')
    AND EXISTS (
        SELECT FROM launch.ledger k
        WHERE k.launch_id = kept.launch_id AND k.kind IN ('launch_ended', 'launch_aborted')
    )
    AND NOT (
        kept.kind NOT LIKE 'launch%'
        AND EXISTS (SELECT FROM launch.ledger k WHERE k.launch_id = kept.launch_id AND k.kind = 'launch_aborted')
        AND EXISTS (
            SELECT FROM launch.ledger k
            JOIN launch.ledger s USING (launch_id)
            WHERE k.launch_id = kept.launch_id AND k.kind = 'launch_started' AND kept.dag_id <> ''
            AND k.content -> 'plan' ->> 'rollback' = kept.dag_id
            AND s.kind = 'seal' AND s.dag_id = k.content -> 'plan' ->> 'decision'
            AND s.content ->> 'complete' = 'true'
        )
    )
    -- The same entry again changes nothing, as always.
    AND NOT EXISTS (
        SELECT FROM launch.ledger k
        WHERE (k.launch_id, k.task_instance_id, k.try_number, k.kind, k.item_ref)
            = (kept.launch_id, kept.task_instance_id, kept.try_number, kept.kind, kept.item_ref)
    )
$$;
