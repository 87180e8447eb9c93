//! Looks at the programs from outside and says whether they kept their promises. Each checker answers with the list of
//! what is wrong, in words; an empty list is a kept promise.
//!
//! They read what the relay stored as bytes that devices signed, and what Odoo holds over its own API. None of them
//! uses code of the relay's core.

pub mod chain_unbroken;
pub mod days_balance;
pub mod every_cent_explained;
pub mod no_sale_lost;
pub mod none_twice;
pub mod odoo_agrees;
