//! `tillwire-verifier EXPORT`: the auditor's own program. It needs no relay, no database and no configuration.

#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use tillwire_verifier::export;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: tillwire-verifier EXPORT, a file that `tillwire-relay export` wrote");
        return ExitCode::from(2);
    };
    let input = match File::open(&path) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let verdict = export::verify(BufReader::new(input));
    if let Some(wrong) = &verdict.wrong {
        println!("not sound: {wrong}");
        return ExitCode::FAILURE;
    }
    println!(
        "sound: {} records in {} segments, {} tickets, net {}, tax {}; {}",
        verdict.records, verdict.segments, verdict.trades, verdict.net, verdict.tax, verdict.second
    );
    ExitCode::SUCCESS
}
