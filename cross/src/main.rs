//! `cargo xtask`: from source to the device. Needed to ship and to check, never to develop: `cargo build` and
//! `cargo test` work without it.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

mod bench;
mod campaign;
mod check;
mod cross;
mod fuzz;
mod process;
mod smoke;
mod target;

use clap::{Parser, Subcommand};

/// Checks, cross builds and measurements of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Formatting, lints and tests, in the order that CI runs them.
    Check,
    /// Builds the agent for the store's hardware and prints the size of each binary.
    ///
    /// Uses rustup's standard library for the target when it is installed (`rustup target add TRIPLE`); otherwise
    /// Debian's own Rust with its sources (packages rustc-web, cargo-web, rust-web-src), building the standard
    /// library along.
    Cross {
        /// Only this target: arm64 or armhf.
        #[arg(long)]
        target: Option<String>,
        /// Then run each binary under qemu-user: start, capture a ticket by HTTP, verify the journal.
        #[arg(long)]
        run: bool,
    },
    /// Fuzzes every decoder of outside bytes for a bounded time (needs nightly and `cargo install cargo-fuzz`).
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Measures the budgets and prints goal beside figure, each against its physical limit in the same run.
    Bench {
        /// Only this part; without it all parts that exist.
        name: Option<String>,
    },
    /// Plays many seeded runs with everything going wrong that may; stops at the first that fails and prints its seed.
    Campaign {
        /// Which: once, canary, simulate, states, kill, power, errors, network, siege, controls, cut (a short part of each), or all.
        name: String,
        /// How many tries; the campaign's usual number when absent.
        #[arg(long)]
        n: Option<u64>,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Publish it: it takes its place in `tests/PROOF.md`.
        #[arg(long)]
        keep: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Check => check::run(),
        Command::Cross { target, run } => cross::run(target.as_deref(), run),
        Command::Fuzz { seconds } => fuzz::run(seconds),
        Command::Bench { name } => bench::run(name.as_deref()),
        Command::Campaign { name, n, seed, keep } => campaign::run(&name, n, seed, keep),
    }
}
