//! Is it alive, is it ready, and what is it? For people, load balancers and those who watch over processes.

mod api;

pub use api::routes;
