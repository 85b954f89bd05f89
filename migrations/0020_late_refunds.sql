-- When the provider told that it made a refund that it had refused before, or that is none of ours, while another refund had
-- the claim: it counts when that one is refused in its turn. Empty for all others.
ALTER TABLE refunds ADD COLUMN late_success_at BIGINT;
