-- The ledger is only added to: the database refuses everything else.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is only added to';
END
$$;
CREATE TRIGGER payment_events_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is due is looked for by provider.
DROP INDEX payments_due;
CREATE INDEX payments_due ON payments (provider, next_check_at, id) WHERE next_check_at IS NOT NULL;
