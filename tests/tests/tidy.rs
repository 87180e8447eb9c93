//! House rules that a program can check. A failure says what to do, not only what is wrong.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::fs;
use std::path::{Path, PathBuf};

const CORES: [&str; 4] = ["proto", "proto/capture", "agent/core", "cloud-relay/core"];
const PACKAGES: [&str; 10] = [
    "proto",
    "proto/capture",
    "agent/core",
    "agent",
    "cloud-relay/core",
    "cloud-relay",
    "tests",
    "tests/verifier",
    "tests/mutants",
    "cross",
];

/// All that the second calculation may rest on: the words, and plain libraries.
const OF_THE_VERIFIER: [&str; 5] = ["data-encoding", "jiff", "serde", "serde_json", "tillwire-proto"];

/// Runtimes, databases and networks: a core that lists one has stopped being a core.
const NOT_IN_A_CORE: [&str; 10] = [
    "tokio", "rusqlite", "reqwest", "axum", "hyper", "rumqttc", "rustls", "mio", "async-", "rand",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Lines of code, without comments and without the tests at a file's end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn dependencies(package: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', '=']).next())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn cores_list_no_runtime_no_database_no_network() {
    for core in CORES {
        for dependency in dependencies(core) {
            let banned = NOT_IN_A_CORE.iter().any(|name| dependency.starts_with(name));
            assert!(
                !banned,
                "{core} lists {dependency}; move what needs it into the shell of the same stage"
            );
        }
    }
}

#[test]
fn verifier_rests_on_nothing_but_words_and_plain_libraries() {
    for dependency in dependencies("tests/verifier") {
        assert!(
            OF_THE_VERIFIER.contains(&dependency.as_str()),
            "tests/verifier lists {dependency}; what it computes with must be its own"
        );
    }
}

#[test]
fn arrows_point_one_way() {
    let allowed: [(&str, &[&str]); 10] = [
        ("proto", &[]),
        ("proto/capture", &["tillwire-proto"]),
        ("agent/core", &["tillwire-proto", "tillwire-capture"]),
        (
            "agent",
            &["tillwire-proto", "tillwire-capture", "tillwire-agent-core"],
        ),
        ("cloud-relay/core", &["tillwire-proto", "tillwire-capture"]),
        (
            "cloud-relay",
            &[
                "tillwire-proto",
                "tillwire-capture",
                "tillwire-relay-core",
                "tillwire-verifier",
            ],
        ),
        // the second calculation must not be able to repeat the first one's mistake
        ("tests/verifier", &["tillwire-proto"]),
        (
            "tests/mutants",
            &["tillwire-proto", "tillwire-capture", "tillwire-verifier"],
        ),
        (
            "tests",
            &[
                "tillwire-proto",
                "tillwire-capture",
                "tillwire-agent-core",
                "tillwire-agent",
                "tillwire-relay-core",
                "tillwire-relay",
            ],
        ),
        ("cross", &[]),
    ];
    for (package, allowed) in allowed {
        for dependency in dependencies(package)
            .iter()
            .filter(|name| name.starts_with("tillwire-"))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{package} depends on {dependency}, which looks the wrong way"
            );
        }
    }
}

#[test]
fn cores_ask_no_clock_and_no_chance() {
    let calls = [
        "Instant::now(",
        "SystemTime::now(",
        "Timestamp::now(",
        "Zoned::now(",
        "SystemRandom::new(",
        "thread_rng(",
    ];
    for core in CORES {
        for path in sources(&root().join(core).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in code(&text) {
                let call = calls.iter().find(|call| line.contains(**call));
                assert!(
                    call.is_none(),
                    "{}:{}: {call:?}; take `now` or the seed as an argument",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn no_float_stands_near_money() {
    for core in ["proto", "cloud-relay/core"] {
        for path in sources(&root().join(core).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in code(&text) {
                let float = line
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| word == "f32" || word == "f64");
                assert!(
                    !float,
                    "{}:{}: use Amount, Quantity or integers",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for package in PACKAGES {
        for path in sources(&root().join(package).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            let head = text.trim_start();
            let said = head.starts_with("//!") || head.starts_with("#![doc") || path.ends_with("tests.rs");
            assert!(
                said,
                "{} has no head; begin it with a `//!` line that says what it does",
                path.display()
            );
        }
    }
}

#[test]
fn no_source_file_hides_a_second_concern() {
    for package in PACKAGES {
        for path in sources(&root().join(package).join("src")) {
            // Stories may go on for longer than code should.
            let allowed = if path.ends_with("tests.rs") { 800 } else { 500 };
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(
                lines <= allowed,
                "{} has {lines} lines; look for the second concern and give it a file",
                path.display()
            );
        }
    }
}

#[test]
fn decisions_are_numbered_dated_and_say_what_was_given_up() {
    for package in PACKAGES {
        let Ok(folder) = fs::read_dir(root().join(package).join("decisions")) else {
            continue;
        };
        for entry in folder {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let number = &name[..4];
            assert!(
                number.bytes().all(|b| b.is_ascii_digit()),
                "{name}: begin the name with four digits"
            );
            assert!(
                text.starts_with(&format!("# {number} ")),
                "{name}: the heading carries the number"
            );
            for part in [
                "**Context.**",
                "**Choice.**",
                "**Given up.**",
                "**Would change our mind.**",
            ] {
                assert!(text.contains(part), "{name} lacks {part}");
            }
        }
    }
}

#[test]
fn top_level_holds_only_what_belongs_there() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "agent",
        "cloud-relay",
        "proto",
        "cross",
        "tests",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "target",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || known.contains(&name.as_str()),
            "{name} does not belong at the top level"
        );
    }
}
