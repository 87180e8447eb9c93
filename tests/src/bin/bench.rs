//! `cargo xtask bench [PART]`.

fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1);
    tillwire_e2e::bench::run(name.as_deref())
}
