//! Writes the bytes that `dict/facts-1.dict` was made from: encoded sample records, the commonest last, because zstd
//! reaches the end of a dictionary most cheaply. Run once per dictionary; the file is part of the protocol.
//!
//! `cargo run -p tillwire-proto --example dictionary > proto/dict/facts-N.dict`

use std::io::Write as _;

#[path = "../tests/support/sample.rs"]
mod sample;

fn main() -> std::io::Result<()> {
    let mut bodies: Vec<Vec<u8>> = sample::every_observation()
        .iter()
        .filter_map(|o| tillwire_proto::encode_observation(o).ok())
        .collect();
    bodies.push(tillwire_proto::encode_header(&sample::header()).unwrap_or_default());
    bodies.reverse();
    std::io::stdout().write_all(&bodies.concat())
}
