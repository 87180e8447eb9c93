//! Recordings of real Odoo servers (17.0, 18.0-20250506, 19.0), replayed against the simulator.
//!
//! Every step's request is sent with the recorded ids put into the simulator's own; the answer must have the recorded
//! shape: HTTP status, result or error or neither, the error's class, keys, types, and all values that are not names,
//! ids or times. Ids must mean the same records. What is left out stands in `skips.rs`, with the reason.
//! Run with `--nocapture` for the table.

#![allow(clippy::unwrap_used, reason = "a failed step of a test should stop it there")]
#![allow(clippy::print_stdout, reason = "the table is what a person runs this for")]

mod compare;
mod fields;
mod ids;
mod lab;
mod network;
mod prepare;
mod send;
mod skips;
mod xml;

use compare::Compare;
use lab::Lab;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use tillwire_e2e::odoo_sim::OdooVersion;

/// Order in which the recordings were made where it matters: later ones use records of earlier ones.
const ORDER: [&str; 11] = [
    "a", "b0", "b1", "c0", "c10", "c11", "c12", "c13", "c14", "d", "g01",
];

struct Vector {
    name: String,
    steps: Vec<Value>,
    /// What `fields_get` said of each model, in the recording that is about nothing else.
    fields: Option<Value>,
}

fn rank(name: &str) -> usize {
    let place = ORDER
        .iter()
        .rposition(|p| name.starts_with(p))
        .unwrap_or(ORDER.len());
    if name.starts_with("b19") {
        ORDER.len()
    } else {
        place
    }
}

fn vectors(version: OdooVersion) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/odoo-vectors");
    let prefix = format!("v{}-", version.major());
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_prefix(&prefix) else {
            continue;
        };
        let body: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        out.push(Vector {
            name: name.into(),
            steps: body["steps"].as_array().unwrap().clone(),
            fields: body.get("fields").cloned(),
        });
    }
    out.sort_by_key(|v| (rank(&v.name), v.name.clone()));
    out
}

#[derive(Default)]
struct Tally {
    compared: usize,
    skipped: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

async fn replay(lab: &mut Lab, vector: &Vector) -> Tally {
    let mut tally = Tally::default();
    // the recording before this one may have ended with the server down
    lab.sim.start_again().await.unwrap();
    lab.prepare(&vector.name, &vector.steps);
    for (number, step) in vector.steps.iter().enumerate() {
        let note = step["note"].as_str().unwrap_or("");
        if let Some(reason) = skips::reason(&vector.name, step) {
            *tally.skipped.entry(reason).or_default() += 1;
            continue;
        }
        lab.before(&vector.name, step);
        lab.network(&vector.name, step).await;
        let sent = lab.send(step).await;
        let mut compare = Compare::new(&mut lab.ids, step);
        let mut wrong = compare.answer(&step["answer"], step["status"].as_u64(), &sent);
        // racing callers: the order of winners is not ours to repeat, but each must answer as some recorded one did
        if !wrong.is_empty() && skips::is_race(step) {
            let twins = vector.steps.iter().filter(|s| {
                s["rpc"]["args"][5] == step["rpc"]["args"][5] && s["http"]["params"] == step["http"]["params"]
            });
            if twins.into_iter().any(|t| {
                compare
                    .answer(&t["answer"], t["status"].as_u64(), &sent)
                    .is_empty()
            }) {
                wrong.clear();
            }
        }
        tally.compared += 1;
        for text in wrong {
            tally
                .wrong
                .push(format!("{} step {number} ({note}): {text}", vector.name));
        }
    }
    tally
}

async fn conforms(version: OdooVersion) {
    let mut lab = Lab::start(version).await;
    let mut table = format!("\nOdoo {version}: steps compared and skipped\n");
    let (mut compared, mut skipped) = (0, 0);
    let mut wrong = Vec::new();
    for vector in vectors(version) {
        let tally = replay(&mut lab, &vector).await;
        let left_out: usize = tally.skipped.values().sum();
        write!(table, "  {:42} {:3} compared", vector.name, tally.compared).unwrap();
        for (reason, n) in &tally.skipped {
            write!(table, ", {n} skipped: {reason}").unwrap();
        }
        table.push('\n');
        compared += tally.compared;
        skipped += left_out;
        wrong.extend(tally.wrong);
    }
    println!("{table}  total: {compared} compared, {skipped} skipped");
    assert!(
        wrong.is_empty(),
        "{} differences from Odoo {version}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 250, "only {compared} steps were compared");
}

#[tokio::test]
async fn answers_like_recorded_odoo_17() {
    conforms(OdooVersion::V17).await;
}

#[tokio::test]
async fn answers_like_recorded_odoo_18() {
    conforms(OdooVersion::V18).await;
}

#[tokio::test]
async fn answers_like_recorded_odoo_19() {
    conforms(OdooVersion::V19).await;
}

/// Every reason to skip is used by some recording, so that the list cannot go stale.
#[test]
fn every_listed_skip_meets_a_recording() {
    let all: Vec<Vector> = OdooVersion::ALL.into_iter().flat_map(vectors).collect();
    for (scenario, reason) in skips::FILES {
        let used = all.iter().any(|v| v.name.starts_with(scenario));
        assert!(used, "no recording {scenario}: {reason}");
    }
    for (scenario, note, reason) in skips::STEPS {
        let mut named = all.iter().filter(|v| v.name.starts_with(scenario));
        let used = named.any(|v| v.steps.iter().any(|s| skips::matches(s, note)));
        assert!(used, "no recording for {scenario} {note:?}: {reason}");
    }
}

/// Every recording is compared, at least in part, unless it is named as a whole.
#[test]
fn every_recording_is_run_or_named() {
    for version in OdooVersion::ALL {
        for vector in vectors(version) {
            let named = skips::FILES
                .iter()
                .any(|(start, _)| vector.name.starts_with(start));
            let run = vector
                .steps
                .iter()
                .filter(|s| skips::reason(&vector.name, s).is_none())
                .count();
            let described = vector.fields.is_some();
            assert!(
                named != (run > 0 || described),
                "{version} {}: {run} of {} steps are compared, named as left out: {named}",
                vector.name,
                vector.steps.len()
            );
        }
    }
}
