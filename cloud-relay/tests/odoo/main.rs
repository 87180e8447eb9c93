//! Effects against a small Odoo that fails as real ones were seen to fail. Real ones are met by the scenarios of the
//! `tests` package.
#![allow(clippy::unwrap_used)]

mod desk;
mod fake;
mod posting;
