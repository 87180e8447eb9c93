//! What is not compared, and why. Nothing else is left out.

use serde_json::Value;
use tillwire_e2e::odoo_sim::OdooVersion;

/// Recordings that are not copied into `fixtures/odoo-vectors`, of those that speak of what the simulator plays.
pub(crate) const LEFT_OUT: [(&str, &str); 14] = [
    ("a10-xmlrpc", "XML-RPC is not simulated"),
    ("b17-server-action-atomic", "server actions run Python"),
    (
        "b18-client-timeout-server-commits",
        "its requests were cut off and not recorded; tested in odoo_sim/behaviour.rs",
    ),
    (
        "c01-fields-get",
        "the simulator's table of fields is made from it",
    ),
    ("d00..d07 payments", "payments are not simulated"),
    (
        "e08-tracked-products",
        "lots were stocked by steps that were not recorded",
    ),
    ("e11-valuation", "valuation of stock is not simulated"),
    (
        "e14-absolute-lost-update",
        "a race between counts; counting is simulated, its race is not",
    ),
    ("e20-pos-order", "point of sale orders are not simulated"),
    (
        "e22-load-picking-with-lots",
        "lots were stocked by steps that were not recorded",
    ),
    ("e23-picking-atomic-action", "server actions run Python"),
    (
        "f02, f03 cursors",
        "they show the order of commits of overlapping transactions; the simulator runs them one by one",
    ),
    (
        "g01, g02 partners, sale orders",
        "sale orders are not simulated; partners are covered by b01, b02 and a07",
    ),
    (
        "h02..h10, i01, j02 limits",
        "worker processes, time limits and timings of a real machine",
    ),
];

/// Single steps: start of the recording's name, start of the step's note (or text of its request), reason.
pub(crate) const STEPS: &[(&str, &str, &str)] = &[
    ("a11", "/doc/index.json", "documentation pages are not simulated"),
    ("b19", "XML-RPC: None", "XML-RPC is not simulated"),
    (
        "f01",
        "write_date > the value",
        "it filters by the clock of the recording; odoo_sim/behaviour.rs has a test of its own",
    ),
    ("j01", "python error -> 500", "server actions run Python"),
];

pub(crate) fn matches(step: &Value, note: &str) -> bool {
    step["note"].as_str().is_some_and(|n| n.starts_with(note))
}

pub(crate) fn reason(_version: OdooVersion, name: &str, step: &Value) -> Option<&'static str> {
    STEPS
        .iter()
        .find(|(start, note, _)| name.starts_with(start) && matches(step, note))
        .map(|(_, _, reason)| *reason)
}

/// Whether a step is one of several that were sent at the same time.
pub(crate) fn is_race(step: &Value) -> bool {
    matches!(
        step["note"].as_str(),
        Some("parallel" | "post same move" | "validate same")
    )
}
