-- A key belongs to its launch: what is kept of another launch cannot take it away.
ALTER TABLE launch.ledger
    DROP CONSTRAINT ledger_kept_once,
    ADD CONSTRAINT ledger_kept_once UNIQUE (launch_id, task_instance_id, try_number, kind, item_ref);

-- Every launch begins as active; the application's role cannot say otherwise (record/rights.py).
ALTER TABLE launch.launches ALTER COLUMN state SET DEFAULT 'active';

-- What of a launch may still be kept once it has ended: that something was told or refused, and the rollback
-- of a launch that was aborted after go was said. A worker that comes late is refused instead of breaking the proof.
CREATE FUNCTION launch.ledger_late(kept launch.ledger) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT kept.kind IN ('decision', 'machine_pass', 'not_reached', 'round', 'bypass', 'seal', 'launch_started',
                         'launch_postponed', 'launch_aborted', 'launch_ended')
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

CREATE OR REPLACE FUNCTION launch.ledger_link() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    last record;
BEGIN
    -- The lock that Ledger.append takes as well: one writer per launch.
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger/' || NEW.launch_id, 0));
    IF launch.ledger_late(NEW) THEN
        RAISE EXCEPTION 'the launch % has ended: a row of kind % is refused', NEW.launch_id, NEW.kind
            USING ERRCODE = 'check_violation', HINT = 'What is kept after the end proves nothing.';
    END IF;
    SELECT k.position, k.digest INTO last
    FROM launch.ledger k WHERE k.launch_id = NEW.launch_id ORDER BY k.position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.previous := coalesce(last.digest, 'sha256:' || repeat('0', 64));
    NEW.appended_at := clock_timestamp();
    NEW.content_digest := launch.ledger_text_digest(NEW.content::text);
    NEW.digest := launch.ledger_digest(NEW);
    RETURN NEW;
END
$$;
