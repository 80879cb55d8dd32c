-- What runs: a row for each service of each process, renewed while it lives. `life` is one run of a process.
CREATE TABLE workers (
    life TEXT NOT NULL,
    service TEXT NOT NULL,
    version TEXT NOT NULL,
    host TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (life, service)
) STRICT, WITHOUT ROWID;

-- Configurations whose callback is tried before they are saved, for as long as the try takes.
CREATE TABLE trials (
    instance_id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    configuration TEXT NOT NULL,
    secrets TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
