-- Walks through all records of a poller's object: its snapshot, and its sweeps for deleted records.
CREATE TABLE walks (
    poller_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT,
    due_at INTEGER,
    records INTEGER NOT NULL,
    total INTEGER,
    events INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    last_error TEXT,
    PRIMARY KEY (poller_id, kind)
) STRICT, WITHOUT ROWID;

-- Records that exist, and the number of the sweep that met them last. Only where deletions are looked for.
CREATE TABLE presences (
    poller_id INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    sweep INTEGER NOT NULL,
    PRIMARY KEY (poller_id, object_id)
) STRICT, WITHOUT ROWID;
