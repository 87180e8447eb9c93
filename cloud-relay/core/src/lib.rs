#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

pub mod audit;
pub mod books;
pub mod closing;
pub mod exception;
pub mod facts;
pub mod finding;
pub mod fuel;
pub mod ingest;
pub mod matching;
pub mod odoo;
pub mod payments;
pub mod people;
pub mod reading;
pub mod second;
pub mod settings;
pub mod settlement;
pub mod shape;
pub mod stock;
pub mod store_day;
pub mod tickets;
pub mod witness;
