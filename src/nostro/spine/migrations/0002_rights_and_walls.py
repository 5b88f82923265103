"""Rights, the entity wall, four eyes: what the database itself refuses, whoever asks."""

from django.db import migrations
from django.db.migrations import RunSQL

from nostro.spine.tables import append_only, shared, walled

FUNCTIONS = """
CREATE FUNCTION nostro_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: books of record are append-only; a correction is a new row', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION nostro_me() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT CASE WHEN starts_with(current_user, 'nostro_p_') THEN substr(current_user, 10) END $$;

CREATE FUNCTION nostro_entities() RETURNS SETOF smallint LANGUAGE sql STABLE AS
    $$ SELECT entity_id FROM spine_access WHERE person_id = nostro_me() $$;

-- Adds a person's role. Runs with the owner's rights, so that desks need none to create roles.
CREATE FUNCTION nostro_add_person(login text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF login !~ '^[a-z][a-z0-9_]{0,29}$' THEN
        RAISE EXCEPTION 'login % is refused: a small letter, then small letters, digits or underscores', login;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nostro_p_' || login) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN IN ROLE nostro_walled', 'nostro_p_' || login);
    END IF;
    EXECUTE format('GRANT %I TO nostro_writer WITH INHERIT FALSE, SET TRUE', 'nostro_p_' || login);
END $$;
REVOKE EXECUTE ON FUNCTION nostro_add_person(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nostro_add_person(text) TO nostro_writer;
"""

# Only the person concerned may write these rows: the desks' role can read them and no more.
FOUR_EYES = """
REVOKE INSERT ON spine_proposal, spine_decision FROM nostro_writer;
GRANT INSERT ON spine_proposal, spine_decision TO nostro_walled;
CREATE POLICY proposal_is_its_makers_own ON spine_proposal FOR INSERT TO nostro_walled WITH CHECK (
    maker = nostro_me()
    AND EXISTS (SELECT FROM spine_access a WHERE a.entity_id = spine_proposal.entity_id AND a.duty <> 'auditor')
);
CREATE POLICY decision_is_its_checkers_own ON spine_decision FOR INSERT TO nostro_walled WITH CHECK (
    checker = nostro_me()
    AND EXISTS (SELECT FROM spine_access a WHERE a.entity_id = spine_decision.entity_id AND a.duty <> 'auditor')
);
ALTER TABLE spine_decision ADD CONSTRAINT decision_names_the_true_maker
    FOREIGN KEY (entity_id, proposal, maker) REFERENCES spine_proposal (entity_id, id, maker);
"""

ACCESS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON spine_access TO nostro_writer;
ALTER TABLE spine_access ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_own_rows ON spine_access FOR SELECT TO nostro_walled USING (person_id = nostro_me());
GRANT SELECT ON spine_access TO nostro_walled;
GRANT SELECT, INSERT, UPDATE ON spine_entity TO nostro_writer;
ALTER TABLE spine_entity ENABLE ROW LEVEL SECURITY;
CREATE POLICY entity_wall ON spine_entity FOR SELECT TO nostro_walled
    USING (id = 0 OR id IN (SELECT nostro_entities()));
GRANT SELECT ON spine_entity TO nostro_walled;
"""

CONTENT = """
ALTER TABLE spine_event ADD CONSTRAINT event_content_is_json CHECK (content IS JSON OBJECT),
    -- A digest joins the columns with this character: inside one it would make two events look like one.
    ADD CONSTRAINT event_has_no_separator CHECK (strpos(subject, chr(31)) = 0 AND strpos(actor, chr(31)) = 0),
    ADD CONSTRAINT event_digest_is_sha256 CHECK (octet_length(digest) = 32);
ALTER TABLE spine_block ADD CONSTRAINT block_hashes_are_sha256
    CHECK (octet_length(link) = 32 AND octet_length(seal) = 32 AND octet_length(leaves) = 32 * (last_seq - first_seq + 1));
ALTER TABLE spine_exception ADD CONSTRAINT exception_facts_are_json CHECK (facts IS JSON OBJECT);
ALTER TABLE spine_proposal ADD CONSTRAINT proposal_payload_is_json CHECK (payload IS JSON OBJECT);
ALTER TABLE spine_messagechunk ADD CONSTRAINT chunk_of_a_file
    FOREIGN KEY (entity_id, file) REFERENCES spine_messagefile (entity_id, id);
ALTER TABLE spine_exceptionaction ADD CONSTRAINT action_of_an_exception
    FOREIGN KEY (entity_id, exception) REFERENCES spine_exception (entity_id, id);
ALTER TABLE spine_event ALTER COLUMN content SET COMPRESSION pglz;
"""


class Migration(migrations.Migration):
    dependencies = [("spine", "0001_events_messages_and_the_day")]
    operations = [
        RunSQL(FUNCTIONS, RunSQL.noop),
        *append_only(
            "spine_event", "spine_block", "spine_messagechunk", "spine_messageitem", "spine_exceptionaction",
            "spine_proposal", "spine_decision",
        ),
        *walled(
            "spine_reader", "spine_messagefile", "spine_exception", "spine_hold", "spine_day", "spine_step", "spine_steprun",
        ),
        *shared("spine_person"),
        RunSQL(ACCESS, RunSQL.noop),
        RunSQL(FOUR_EYES, RunSQL.noop),
        RunSQL(CONTENT, RunSQL.noop),
    ]
