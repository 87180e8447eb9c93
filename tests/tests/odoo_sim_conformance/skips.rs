//! What is not compared, and why. Nothing else is left out.

use serde_json::Value;

/// Recordings of which no step is compared: start of the name, reason.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("a10", "XML-RPC is not simulated"),
    ("b17", PYTHON),
    (
        "b18",
        "its requests were cut off and not recorded; tested in odoo_sim/behaviour.rs",
    ),
    ("e08", "lots were stocked by steps that were not recorded"),
    ("e11", "valuation of stock is not simulated"),
    (
        "e14",
        "a race between counts; counting is simulated, its race is not",
    ),
    ("e20", "point of sale orders are not simulated"),
    ("e22", "lots were stocked by steps that were not recorded"),
    ("e23", PYTHON),
    ("f02", "its partner was made by a step that was not recorded"),
    ("f03", PYTHON),
    ("g01", "partners are covered by b01, b02 and a07"),
    ("g02", "sale orders are not simulated"),
    ("h02", MACHINE),
    ("h03", PYTHON),
    ("h04", MACHINE),
    ("h05", PYTHON),
    ("h06", MACHINE),
    ("h07", MACHINE),
    ("h08", MACHINE),
    ("h09", MACHINE),
    ("h10", MACHINE),
    ("i01", MACHINE),
    ("j02", MACHINE),
];

const PYTHON: &str = "server actions run Python";
const MACHINE: &str = "worker processes, time limits and timings of a real machine";

/// Single steps: start of the recording's name, start of the step's note (or text of its request), reason.
pub(crate) const STEPS: &[(&str, &str, &str)] = &[
    ("a11", "/doc/index.json", "documentation pages are not simulated"),
    ("b19", "XML-RPC: None", "XML-RPC is not simulated"),
    (
        "f01",
        "write_date > the value",
        "it filters by the clock of the recording; odoo_sim/behaviour.rs has a test of its own",
    ),
    ("j01", "python error -> 500", PYTHON),
];

pub(crate) fn matches(step: &Value, note: &str) -> bool {
    step["note"].as_str().is_some_and(|n| n.starts_with(note))
}

pub(crate) fn reason(name: &str, step: &Value) -> Option<&'static str> {
    let file = FILES.iter().find(|(start, _)| name.starts_with(start));
    file.map(|(_, reason)| *reason).or_else(|| {
        STEPS
            .iter()
            .find(|(start, note, _)| name.starts_with(start) && matches(step, note))
            .map(|(_, _, reason)| *reason)
    })
}

/// Whether a step is one of several that were sent at the same time.
pub(crate) fn is_race(step: &Value) -> bool {
    matches!(
        step["note"].as_str(),
        Some("parallel" | "post same move" | "validate same")
    )
}
