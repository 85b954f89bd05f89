-- Attempts to pay, what became of the money, refunds, and what providers told.
-- At most one attempt of an order is open, and at most one brings the money that counts (succeeded). Money that came
-- beside it is surplus, money that is not what was asked for is flagged; neither counts for the order.
CREATE TABLE payments (
  id {{id}},
  order_id BIGINT NOT NULL,
  provider TEXT NOT NULL,
  status TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  -- The provider's name of what was asked for (order, intent, session), and of the money itself.
  reference TEXT,
  provider_payment_id TEXT,
  -- How the buyer pays: '' in the client, 'checkout' on a page of the provider's.
  flow TEXT NOT NULL DEFAULT '',
  url TEXT,
  -- card, upi, wallet, as the provider calls it.
  method TEXT NOT NULL DEFAULT '',
  captured_minor BIGINT NOT NULL DEFAULT 0,
  -- Given back, or asked to be and not refused.
  claimed_minor BIGINT NOT NULL DEFAULT 0,
  refunded_minor BIGINT NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  actor_id BIGINT,
  checks BIGINT NOT NULL DEFAULT 0,
  next_check_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT payments_provider_reference_key UNIQUE (provider, reference),
  CONSTRAINT payments_provider_provider_payment_id_key UNIQUE (provider, provider_payment_id),
  CONSTRAINT payments_amount_minor_check CHECK (amount_minor >= 0),
  CONSTRAINT payments_refunded_minor_check CHECK (refunded_minor >= 0 AND refunded_minor <= claimed_minor AND claimed_minor <= captured_minor),
  CONSTRAINT payments_status_check CHECK (status IN ('pending', 'authorized', 'succeeded', 'surplus', 'flagged', 'failed', 'cancelled')),
  CONSTRAINT payments_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id)
);
CREATE INDEX payments_order_id ON payments (order_id, id);
CREATE INDEX payments_due ON payments (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE UNIQUE INDEX payments_one_success ON payments (order_id) WHERE status = 'succeeded';
CREATE UNIQUE INDEX payments_one_open ON payments (order_id) WHERE status IN ('pending', 'authorized');

CREATE TABLE refunds (
  id {{id}},
  payment_id BIGINT NOT NULL,
  status TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  -- The key under which the provider is asked, however often.
  request_key TEXT NOT NULL,
  -- Of whoever asked for it: the same key is the same refund.
  client_key TEXT,
  provider_refund_id TEXT,
  reason TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT '',
  actor_id BIGINT,
  checks BIGINT NOT NULL DEFAULT 0,
  next_check_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT refunds_request_key_key UNIQUE (request_key),
  CONSTRAINT refunds_client_key_key UNIQUE (client_key),
  CONSTRAINT refunds_payment_id_provider_refund_id_key UNIQUE (payment_id, provider_refund_id),
  CONSTRAINT refunds_amount_minor_check CHECK (amount_minor > 0),
  CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
  CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX refunds_due ON refunds (next_check_at) WHERE next_check_at IS NOT NULL;

-- The ledger: what happened to money, one row a fact, never changed. reference is the provider's name of the fact.
CREATE TABLE payment_events (
  id {{id}},
  order_id BIGINT NOT NULL,
  payment_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  reference TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  source TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  actor_id BIGINT,
  at BIGINT NOT NULL,
  CONSTRAINT payment_events_payment_id_kind_reference_key UNIQUE (payment_id, kind, reference),
  CONSTRAINT payment_events_kind_check CHECK (kind IN ('authorized', 'captured', 'failed', 'refunded', 'refund_failed', 'disputed', 'dispute_won', 'charged_back', 'flagged',
    'refund_reversed')),
  CONSTRAINT payment_events_source_check CHECK (source IN ('client', 'webhook', 'reconciler', 'staff', 'job')),
  CONSTRAINT payment_events_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
  CONSTRAINT payment_events_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX payment_events_order_id ON payment_events (order_id, id);

-- What providers sent, each once. One that names nothing of ours is parked: kept, and without effect.
CREATE TABLE provider_events (
  id {{id}},
  provider TEXT NOT NULL,
  event_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  payment_id BIGINT,
  outcome TEXT NOT NULL,
  -- Of a parked one about a refund or a dispute: what it said, for when the money itself is known.
  news TEXT,
  received_at BIGINT NOT NULL,
  CONSTRAINT provider_events_provider_event_key_key UNIQUE (provider, event_key),
  CONSTRAINT provider_events_outcome_check CHECK (outcome IN ('applied', 'ignored', 'parked'))
);
CREATE INDEX provider_events_parked ON provider_events (received_at) WHERE outcome = 'parked' AND news IS NOT NULL;

-- The book of the sandbox: a provider that never was. It is written as a provider's would be, apart from ours.
CREATE TABLE sandbox_payments (
  id {{id}},
  reference TEXT NOT NULL,
  request_key TEXT NOT NULL,
  status TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  captured_minor BIGINT NOT NULL DEFAULT 0,
  refunded_minor BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  CONSTRAINT sandbox_payments_reference_key UNIQUE (reference),
  CONSTRAINT sandbox_payments_request_key_key UNIQUE (request_key),
  CONSTRAINT sandbox_payments_refunded_minor_check CHECK (refunded_minor >= 0 AND refunded_minor <= captured_minor),
  CONSTRAINT sandbox_payments_status_check CHECK (status IN ('created', 'challenged', 'captured', 'failed'))
);
CREATE TABLE sandbox_refunds (
  id {{id}},
  sandbox_payment_id BIGINT NOT NULL,
  request_key TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  CONSTRAINT sandbox_refunds_request_key_key UNIQUE (request_key),
  CONSTRAINT sandbox_refunds_sandbox_payment_id_fkey FOREIGN KEY (sandbox_payment_id) REFERENCES sandbox_payments (id)
);
