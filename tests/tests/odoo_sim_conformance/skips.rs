//! What is not compared, and why. Nothing else is left out.

use serde_json::Value;

/// Recordings of which no step is compared: start of the name, reason.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("b17", PYTHON),
    ("e11", "what stock is worth is not simulated"),
    (
        "e20",
        "sessions and orders of Odoo's own point of sale are not simulated",
    ),
    ("e23", PYTHON),
    ("h03", PYTHON),
    ("h05", PYTHON),
];

const PYTHON: &str = "server actions run Python";
const SHORTENED: &str = "the recording keeps only the start of the lists that were sent";

/// Single steps: start of the recording's name, start of the step's note, reason.
pub(crate) const STEPS: &[(&str, &str, &str)] = &[
    ("a11", "/doc/index.json", "documentation pages are not simulated"),
    (
        "f01",
        "write_date > the value",
        "the answer that its time came from is not shown; odoo_sim/behaviour.rs has a test of its own",
    ),
    ("f03", "transaction open for 3 s", PYTHON),
    ("f03", "late row", PYTHON),
    ("h10", "20 s action", PYTHON),
    ("h10", "CPU-bound action", PYTHON),
    ("h10", "5 s action in flight", PYTHON),
    (
        "h10",
        "new request 0.3 s after SIGTERM",
        "the kernel of the recorded machine took it and reset it later",
    ),
    ("i01", "create 100", SHORTENED),
    ("i01", "post 100", SHORTENED),
    ("i01", "load 100", SHORTENED),
    ("i01", "100", SHORTENED),
    ("i01", "apply 100", SHORTENED),
    ("i01", "validate 100", SHORTENED),
    ("i01", "read", "the stock of the recorded server, shortened"),
    ("j01", "python error -> 500", PYTHON),
    ("j02", "row changed by others", PYTHON),
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
    ["parallel", "post same move", "validate same"]
        .iter()
        .any(|start| matches(step, start))
}
