//! Looks at the programs from outside and says whether they kept their promises. Each checker answers with the list of
//! what is wrong, in words; an empty list is a kept promise.

pub mod odoo_agrees;
