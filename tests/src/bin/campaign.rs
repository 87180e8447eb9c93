//! `cargo xtask campaign NAME [--n N] [--seed S]`: as many seeded runs as one has time for.

#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use tillwire_e2e::canary;
use tillwire_e2e::once::{Conditions, campaign};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Every effect is in Odoo exactly once.
    Once,
    /// Card data of every shape at every place leaves no trace.
    Canary,
}

/// Plays seeded runs until one fails, and prints the smallest plan that fails the same way.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which campaign.
    name: Name,
    /// How many runs.
    #[arg(long, default_value_t = 10_000)]
    n: u64,
    /// The first run's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let Arguments { name, n, seed } = Arguments::parse();
    let began = Instant::now();
    let played = match name {
        Name::Once => campaign(seed, n, &Conditions::default())
            .map(|tally| format!("{tally}; nothing doubled, nothing missing")),
        Name::Canary => canary::campaign(seed, n).map(|tally| tally.to_string()),
    };
    match played {
        Ok(words) => {
            println!("{words}, in {:.1} s", began.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("campaign: {problem:#}");
            ExitCode::FAILURE
        }
    }
}
