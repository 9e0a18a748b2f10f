-- Accounts that an OpenID Connect issuer vouches for. kind: number of AccountKind; tenant_id: of service principals and groups.
-- issuer, subject: the identity that an account is bound to from its first sign-in by the issuer on.
ALTER TABLE accounts ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN tenant_id TEXT;
ALTER TABLE accounts ADD COLUMN issuer TEXT;
ALTER TABLE accounts ADD COLUMN subject TEXT;

CREATE UNIQUE INDEX accounts_by_subject ON accounts (issuer, subject) WHERE subject IS NOT NULL;
