-- The ledger is only added to: the database refuses everything else.
CREATE TRIGGER payment_events_not_changed BEFORE UPDATE ON payment_events
BEGIN
  SELECT RAISE(ABORT, 'the ledger is only added to');
END;
CREATE TRIGGER payment_events_not_deleted BEFORE DELETE ON payment_events
BEGIN
  SELECT RAISE(ABORT, 'the ledger is only added to');
END;

-- What is due is looked for by provider.
DROP INDEX payments_due;
CREATE INDEX payments_due ON payments (provider, next_check_at, id) WHERE next_check_at IS NOT NULL;
