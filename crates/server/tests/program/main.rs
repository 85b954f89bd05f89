//! The program as a whole: the real binary in an empty folder, its words, its limits, its end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it fails"
)]

mod bench;
mod canary;
mod commands;
mod disk;
mod durability;
mod faults;
mod javascript;
mod limits;
mod log_lines;
mod metrics;
mod repeats;
mod settings;
mod start;
mod stop;
mod support;
mod torture;
mod traces;
