//! Stories and laws of the relay's decisions, from outside, with one small world to tell them in.
#![allow(clippy::unwrap_used)] // the lint's own exception for tests does not reach their helpers

mod world;

mod admission;
mod audit;
mod books;
mod closing;
mod contents;
mod days;
mod documents;
mod drift;
mod effects;
mod goods;
mod invoices;
mod laws;
mod matching;
mod odoo;
mod payments;
mod people;
mod reading;
mod recover;
mod settings;
mod settlement;
mod shape;
mod stock;
mod stock_laws;
mod tickets;
mod trading;
mod witness;
