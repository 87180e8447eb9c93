#![doc = include_str!("../README.md")]

pub mod bench;
pub mod canary;
pub mod cents;

pub mod checkers;
pub mod demo;
pub mod disk_sim;
pub mod link_sim;
pub mod odoo_api;
pub mod odoo_company;
pub mod odoo_sim;
pub mod once;
pub mod plug;
pub mod program;
pub mod proof;
pub mod reference;
pub mod relay_store;
pub mod shop;
pub mod sims;
pub mod simulate;
pub mod take_in;
pub mod tap;
pub mod terminal_sim;
pub mod till_sim;
pub mod world;
