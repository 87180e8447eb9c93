//! `cargo xtask bench [PART]`. Like the demo's, this binary also is agent and relay.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = tillwire_e2e::program::act(&args) {
        return code;
    }
    match tillwire_e2e::bench::run(args.get(1).and_then(|name| name.to_str())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
