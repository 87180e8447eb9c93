//! Effects against an Odoo: a small one that fails as real ones were seen to fail, and (ignored) a real one.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod desk;
mod fake;
mod live;
mod posting;
mod proxy;
