-- People who may sign in. totp_secret is sealed, see SecretSeal; password_hash has a salt of its own. Times are Unix milliseconds.
CREATE TABLE accounts (
    id              TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    name            TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    role            INTEGER NOT NULL,
    enabled         INTEGER NOT NULL,
    password_hash   TEXT    NOT NULL,
    must_change     INTEGER NOT NULL,
    failed_attempts INTEGER NOT NULL,
    locked_until    INTEGER,
    totp_secret     BLOB,
    totp_confirmed  INTEGER NOT NULL,
    totp_last_step  INTEGER NOT NULL,
    created         INTEGER NOT NULL,
    last_sign_in    INTEGER,
    version         INTEGER NOT NULL
) WITHOUT ROWID;

-- Browsers that are signed in. token_hash: SHA-256 of the cookie.
CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    token_hash   BLOB    NOT NULL UNIQUE,
    account_id   TEXT    NOT NULL,
    account_name TEXT    NOT NULL,
    role         INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    address      TEXT,
    program      TEXT
) WITHOUT ROWID;

CREATE INDEX sessions_by_account ON sessions (account_id, created);

-- Access of programs. secret_hash: SHA-256 of 32 random bytes.
CREATE TABLE api_tokens (
    id          TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    role        INTEGER NOT NULL,
    secret_hash BLOB    NOT NULL,
    created     INTEGER NOT NULL,
    expiry      INTEGER NOT NULL,
    last_used   INTEGER,
    created_by  TEXT    NOT NULL
) WITHOUT ROWID;

-- Who did what. hash chains each entry to the one before; nothing is changed or deleted here.
CREATE TABLE audit (
    number        INTEGER PRIMARY KEY,
    time          INTEGER NOT NULL,
    actor_kind    INTEGER NOT NULL,
    actor_id      TEXT    NOT NULL,
    actor_name    TEXT    NOT NULL,
    address       TEXT,
    action        TEXT    NOT NULL,
    entity_type   TEXT    NOT NULL,
    entity_id     TEXT    NOT NULL,
    result        INTEGER NOT NULL,
    detail        TEXT,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL
);
