//! `cargo demo`: a retailer's day on one machine. See `tillwire_e2e::demo`.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    tillwire_e2e::program::act(&args).unwrap_or_else(|| tillwire_e2e::demo::main(&args))
}
