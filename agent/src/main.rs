//! `tillwire-agent`.

fn main() {}
