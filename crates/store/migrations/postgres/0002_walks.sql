-- Walks through all records of a poller's object: its snapshot, and its sweeps for deleted records.
CREATE TABLE walks (
    poller_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT,
    due_at BIGINT,
    records BIGINT NOT NULL,
    total BIGINT,
    events BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (poller_id, kind)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Records that exist, and the number of the sweep that met them last. Only where deletions are looked for.
CREATE TABLE presences (
    poller_id BIGINT NOT NULL,
    object_id TEXT NOT NULL,
    sweep BIGINT NOT NULL,
    PRIMARY KEY (poller_id, object_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
