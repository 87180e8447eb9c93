use clap::CommandFactory as _;

use super::*;

#[test]
fn command_line_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_command_is_there() {
    for line in [
        "run",
        "run --restored",
        "init",
        "doctor",
        "config show",
        "device invite --tenant acme --store s01 --device box-1",
        "device list --json",
        "device accept 0123456789abcdef",
        "device revoke acme/box-1",
        "day list --store acme/s01 --since 2026-11-01",
        "day show acme/s01 2026-11-14",
        "day explain acme/s01 2026-11-14 --ticket 17",
        "day explain --entry TILL/2026/11/0003 --account 400000",
        "record show 000102030405060708090a0b0c0d0e0f/7",
        "day sign acme/s01 2026-11-14 --reason x",
        "day reopen acme/s01 2026-11-14 --reason x",
        "day closed acme/s01 2026-11-14 --reason holiday",
        "month show acme 2026-11",
        "month show acme/s01 2026-11 --json",
        "exception list",
        "exception show 3",
        "exception show 3 --odoo",
        "exception fix 3 --to 101790",
        "exception fix 3 --to 251000 --odoo-tax 8.25% --from 2026-11-01 --apply",
        "mapping check mapping.toml",
        "mapping show --store acme/s01 --day 2026-11-14",
        "mapping diff mapping.toml",
        "mapping preview mapping.toml",
        "mapping apply mapping.toml --reason x",
        "exception retry 3",
        "exception resolve 3 --reason x",
        "export acme/s01 2026-11-14 day.jsonl",
        "verify day.jsonl",
    ] {
        let words = std::iter::once("tillwire-relay").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_ok(), "{line}");
    }
}

#[test]
fn wrong_place_says_what_is_wanted() {
    let words = ["tillwire-relay", "day", "show", "acme", "2026-11-14"];
    let error = Cli::try_parse_from(words).unwrap_err().to_string();
    assert!(error.contains("TENANT/STORE"), "{error}");
}
