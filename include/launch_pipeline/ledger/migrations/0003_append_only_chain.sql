-- The rows of a launch form a chain: each names the digest of the one before it. Nothing but appending is
-- possible, and what a superuser does nevertheless is found by "launch ledger verify". See docs/record.md.
ALTER TABLE launch.ledger
    -- 1, 2, 3, ... within the launch, without gaps; "seq" counts over all launches and has some.
    ADD COLUMN position       integer,
    ADD COLUMN content_digest text,
    ADD COLUMN previous       text,
    ADD COLUMN digest         text;

-- Written as expressions, not as texts: their names are bound now, and the trigger has them inlined.
CREATE FUNCTION launch.ledger_text_digest(kept text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN 'sha256:' || encode(sha256(convert_to(kept, 'UTF8')), 'hex');

-- Canonical JSON: keys sorted, no spaces; to_json escapes exactly what Python's json does.
CREATE FUNCTION launch.ledger_digest(kept launch.ledger) RETURNS text LANGUAGE sql STABLE
RETURN launch.ledger_text_digest(format(
    '{"appended_at":"%s","content_digest":%s,"dag_id":%s,"item_ref":%s,"kind":%s,"launch_id":%s,'
    '"position":%s,"previous":%s,"seq":%s,"task_instance_id":%s,"try_number":%s}',
    to_char(kept.appended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
    to_json(kept.content_digest), to_json(kept.dag_id), to_json(kept.item_ref), to_json(kept.kind),
    to_json(kept.launch_id), kept.position, to_json(kept.previous), kept.seq,
    to_json(kept.task_instance_id), kept.try_number
));

-- What was kept before there was a chain is chained as it stands.
DO $$
DECLARE
    kept launch.ledger;
    last launch.ledger;
BEGIN
    FOR kept IN SELECT * FROM launch.ledger ORDER BY launch_id, seq LOOP
        IF kept.launch_id IS DISTINCT FROM last.launch_id THEN
            last := NULL;
        END IF;
        kept.position := coalesce(last.position, 0) + 1;
        kept.previous := coalesce(last.digest, 'sha256:' || repeat('0', 64));
        kept.content_digest := launch.ledger_text_digest(kept.content::text);
        kept.digest := launch.ledger_digest(kept);
        UPDATE launch.ledger
        SET position = kept.position, content_digest = kept.content_digest,
            previous = kept.previous, digest = kept.digest
        WHERE seq = kept.seq;
        last := kept;
    END LOOP;
END
$$;

ALTER TABLE launch.ledger
    ALTER COLUMN position       SET NOT NULL,
    ALTER COLUMN content_digest SET NOT NULL,
    ALTER COLUMN previous       SET NOT NULL,
    ALTER COLUMN digest         SET NOT NULL,
    ADD CONSTRAINT ledger_one_chain UNIQUE (launch_id, position);

-- The database makes the links itself, whatever a client sends: nobody who may insert can fork a chain,
-- leave a row out of it or date one back.
CREATE FUNCTION launch.ledger_link() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    last record;
BEGIN
    -- The lock that Ledger.append takes as well: one writer per launch.
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger/' || NEW.launch_id, 0));
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
CREATE TRIGGER ledger_link BEFORE INSERT ON launch.ledger
    FOR EACH ROW EXECUTE FUNCTION launch.ledger_link();

CREATE FUNCTION launch.ledger_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'What is kept stays; append what corrects it.';
END
$$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON launch.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION launch.ledger_refuse();

-- Also where session_replication_role would pass triggers by.
ALTER TABLE launch.ledger ENABLE ALWAYS TRIGGER ledger_link;
ALTER TABLE launch.ledger ENABLE ALWAYS TRIGGER ledger_append_only;
