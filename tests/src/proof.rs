//! The published proof: what each campaign tried, how often, and what bound that gives, on one page.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One campaign's part of the page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// The campaign, as `cargo xtask campaign` calls it.
    pub name: String,
    /// The promise that it attacks.
    pub promise: String,
    /// What counts as one try.
    pub unit: String,
    /// How many there were.
    pub tries: u64,
    /// The first seed.
    pub seed: u64,
    /// What it says of itself.
    pub words: String,
    /// Seconds.
    pub took_s: u64,
    /// The day it was played.
    pub date: String,
    /// On what kind of machine.
    pub machine: String,
    /// Of which commit; empty where nobody knows.
    #[serde(default)]
    pub commit: String,
}

/// The checked-out commit, seven digits of it, and `+` where programs or tests were changed since. Empty outside a repository.
#[must_use]
pub fn commit(folder: &Path) -> String {
    let git = |args: &[&str]| Command::new("git").arg("-C").arg(folder).args(args).output();
    let head = match git(&["rev-parse", "--short=7", "HEAD"]) {
        Ok(head) if head.status.success() => String::from_utf8_lossy(&head.stdout).trim().to_owned(),
        _ => return String::new(),
    };
    let changed = git(&[
        "status",
        "--porcelain",
        "--",
        ":/*.rs",
        ":/*.sql",
        ":/*.toml",
        ":/Cargo.lock",
    ]);
    match changed {
        Ok(changed) if changed.status.success() && changed.stdout.is_empty() => head,
        _ => head + "+",
    }
}

/// What no failure in so many independent tries says about the chance of one: the rule of three, at 95 %.
#[must_use]
pub fn bound(tries: u64) -> String {
    match tries {
        0 => "nothing".to_owned(),
        1..=2 => "next to nothing".to_owned(),
        tries => format!("fewer than 1 in {}", tries / 3),
    }
}

/// The page.
#[must_use]
pub fn page(parts: &[Part]) -> String {
    let mut text = String::from(
        "# Proof\n\nWhat the campaigns tried, all with the seeds named, and none of them found a failure. Made by\n\
         `cargo xtask campaign`. Each part can be played again, longer, and from another seed:\n\
         `cargo xtask campaign NAME --n N --seed S`; with `--keep` it takes its place here. A bound is the rule of three (95 %) over independent tries, and holds for\n\
         what the campaign can do to the programs, no more.\n\n\
         | campaign | promise | tries | bound per try | seed | seconds | played |\n|---|---|---|---|---|---|---|\n",
    );
    for part in parts {
        let Part {
            name,
            promise,
            unit,
            tries,
            seed,
            took_s,
            date,
            machine,
            commit,
            ..
        } = part;
        let of = if commit.is_empty() {
            String::new()
        } else {
            format!(" of `{commit}`")
        };
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "| `{name}` | {promise} | {tries} {unit} | {} | {seed} | {took_s} | {date}{of}, {machine} |",
            bound(*tries)
        );
    }
    for part in parts {
        let _ = writeln!(text, "\n## {}\n\n{}.", part.name, part.words);
    }
    text
}

/// Puts a part in the place of the one before it, in `proof.json`, and writes the page `PROOF.md` beside it again. Parts stand
/// in the order of `names`.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn keep(folder: &Path, names: &[String], part: Part) -> anyhow::Result<()> {
    let (data, page_path) = (folder.join("proof.json"), folder.join("PROOF.md"));
    let mut parts: Vec<Part> = match std::fs::read(&data) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", data.display()))?
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", data.display())),
    };
    parts.retain(|one| one.name != part.name);
    parts.push(part);
    parts.sort_by_key(|part| names.iter().position(|name| *name == part.name));
    let json = format!("{}\n", serde_json::to_string_pretty(&parts)?);
    std::fs::write(&data, json).with_context(|| format!("cannot write {}", data.display()))?;
    std::fs::write(&page_path, page(&parts))
        .with_context(|| format!("cannot write {}", page_path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_the_rule_of_three() {
        assert_eq!(bound(3_000), "fewer than 1 in 1000");
        assert_eq!(bound(0), "nothing");
    }

    fn part(name: &str, tries: u64) -> Part {
        Part {
            name: name.to_owned(),
            promise: "nothing lost".to_owned(),
            unit: "kills".to_owned(),
            tries,
            seed: 7,
            words: format!("{tries} ends"),
            took_s: 12,
            date: "2026-11-26".to_owned(),
            machine: "2 cores, x86_64".to_owned(),
            commit: "6a35b2a".to_owned(),
        }
    }

    #[test]
    fn page_names_each_campaign_with_its_figures() {
        let page = page(&[part("kill", 300)]);
        let row = "| `kill` | nothing lost | 300 kills | fewer than 1 in 100 | 7 | 12 | 2026-11-26 of `6a35b2a`, 2 cores, x86_64 |";
        assert!(page.contains(row), "{page}");
        assert!(page.ends_with("## kill\n\n300 ends.\n"), "{page}");
    }

    #[test]
    fn commit_of_changed_programs_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(commit(folder.path()), "", "no repository");
        let git = |args: &[&str]| {
            let who = [
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "-c",
                "commit.gpgsign=false",
            ];
            let done = Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(who)
                .args(args)
                .output();
            assert!(done.unwrap().status.success(), "git {args:?}");
        };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        git(&["init", "-q"]);
        write("a.rs", "one");
        write("page.md", "one");
        git(&["add", "-A"]);
        git(&["commit", "-qm", "one"]);
        write("page.md", "two");
        let clean = commit(folder.path());
        assert_eq!(clean.len(), 7, "{clean}");
        write("a.rs", "two");
        assert_eq!(commit(folder.path()), clean + "+");
    }

    #[test]
    fn part_takes_the_place_of_the_one_before_it_and_leaves_the_others() {
        let folder = tempfile::tempdir().unwrap();
        for (name, tries) in [("power", 30), ("kill", 300), ("kill", 600)] {
            keep(
                folder.path(),
                &["kill", "power"].map(str::to_owned),
                part(name, tries),
            )
            .unwrap();
        }
        let page = std::fs::read_to_string(folder.path().join("PROOF.md")).unwrap();
        assert!(
            page.contains("600 kills") && !page.contains("300 kills"),
            "{page}"
        );
        assert!(
            page.find("## kill").unwrap() < page.find("## power").unwrap(),
            "{page}"
        );
    }
}
