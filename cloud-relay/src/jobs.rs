//! Work that goes on in the background and calls Odoo. Nothing else does.
//!
//! One [`post::Poster`] per Odoo company drives its effects one after the other, fenced by a lease; [`drift::Drift`]
//! reads posted entries again later; `recover` reads back, after an older
//! database was put in place, what Odoo holds; [`stock`] looks up what goods can move; [`shelf`] compares a store's stock
//! with what the tills say. They share
//! one [`link::Link`] per company, which holds what preflight found and keeps calls away from an Odoo that is down.

pub mod drift;
mod lately;
pub mod link;
pub mod post;
mod recover;
pub mod shelf;
pub mod stock;
mod tell;
