//! Every effect is in Odoo exactly once, whatever happens on the way.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod cells;
mod controls;
mod later;
mod seeds;
