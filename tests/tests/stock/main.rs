//! Goods of every kind, sold through the relay's own jobs into an Odoo: what its shelf holds afterwards, what waits and
//! why, who may move, and what the comparison says. The same stories run against a real server:
//!
//! `TILLWIRE_ODOO_URL=http://127.0.0.1:8069 TILLWIRE_ODOO_DB=test TILLWIRE_ODOO_KEY=… \
//!  cargo test -p tillwire-e2e --test stock -- --ignored --nocapture real_odoo`

#![allow(clippy::unwrap_used, reason = "a failed step of a test should stop it there")]

mod goods;
mod shelf;
mod shop;
mod writers;
