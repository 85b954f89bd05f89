//! All SQL of events.

pub const ADD_EVENT: &str =
    "INSERT INTO outbox (topic, version, payload, created_at) VALUES ($1, $2, $3, $4)";

pub const STATEMENTS: &[&str] = &[ADD_EVENT];
