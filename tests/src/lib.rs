//! The whole line with everything around it simulated.
//!
//! Three kinds of things live here. *Simulators* speak to the real programs over the real protocols and misbehave as
//! the real counterparts do: the till, the payment terminal, the link, the disk and Odoo. The *reference* says, by
//! arithmetic too simple to be wrong, what a day of events must leave in the books and in stock. The *checkers* look
//! from outside, through exports and Odoo's own API, and compare. None of the three uses code of the relay's core, so
//! that an error there cannot agree with itself.

pub mod bench;
pub mod cents;

pub mod checkers;
pub mod disk_sim;
pub mod link_sim;
pub mod odoo_api;
pub mod odoo_company;
pub mod odoo_sim;
pub mod reference;
pub mod relay_store;
pub mod shop;
pub mod terminal_sim;
pub mod till_sim;
