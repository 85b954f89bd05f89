-- What every feature uses: settings of the shop, cache generations, repeated requests, events, jobs.
-- Times are microseconds UTC, money is minor units of the shop's currency, enums are TEXT with a named CHECK.

CREATE TABLE settings (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

-- A write to a cached area adds 1 to its row, in its own transaction.
CREATE TABLE generations (
  area TEXT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO generations (area, value) VALUES ('catalog', 1);

CREATE TABLE idempotency_keys (
  id {{id}},
  scope TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash {{bytes}} NOT NULL,
  status BIGINT NOT NULL,
  answer TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT idempotency_keys_scope_operation_key_key UNIQUE (scope, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

CREATE TABLE outbox (
  id {{id}},
  topic TEXT NOT NULL,
  version BIGINT NOT NULL,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  delivered_at BIGINT
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE jobs (
  id {{id}},
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  unique_key TEXT,
  run_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  leased_until BIGINT,
  last_error TEXT,
  failed_at BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT jobs_unique_key_key UNIQUE (unique_key)
);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE failed_at IS NULL;
