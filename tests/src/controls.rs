//! Negative controls: programs, disks and logs with a mistake in them, each of which its campaign must find. A campaign that
//! finds nothing in these finds nothing.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::disk_sim::Disk;
use crate::{canary, once, plug, simulate};

/// Seeds in which each mistake must be found.
const SEEDS: u64 = 300;

/// Seeds for those of the posting machine: some show at few moments only.
const SEEDS_ONCE: u64 = 1_000;

/// Power cuts on the disk that lies.
const CUTS: u64 = 8;

/// One mistake, and what found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The mistake's name in the code.
    pub mistake: String,
    /// The campaign, as `cargo xtask campaign` calls it.
    pub campaign: &'static str,
    /// How it was found.
    pub by: String,
}

/// Every mistake with what found it. `binary` is this program, which becomes agents, relay and disks; `disk` the one that
/// becomes disks only.
///
/// # Errors
/// At the first that was not found.
pub fn all(binary: &Path, disk: &Path) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for (wrong, seed) in once::controls(1, SEEDS_ONCE)? {
        let seed = seed.with_context(|| format!("{wrong:?} was not found in {SEEDS_ONCE} seeds"))?;
        found.push(Found {
            mistake: format!("{wrong:?}"),
            campaign: "once",
            by: format!("seed {seed}"),
        });
    }
    for (bug, seed) in simulate::controls(1, SEEDS)? {
        let seed = seed.with_context(|| format!("{bug:?} was not found in {SEEDS} seeds"))?;
        found.push(Found {
            mistake: format!("{bug:?}"),
            campaign: "simulate",
            by: format!("seed {seed}"),
        });
    }
    for (flaw, problem) in simulate::states::controls(1, disk)? {
        found.push(Found {
            mistake: format!("{flaw:?}"),
            campaign: "states",
            by: short(&problem),
        });
    }
    found.push(Found {
        mistake: "LogsRawInput".to_owned(),
        campaign: "canary",
        by: canary::control(1, SEEDS)?,
    });
    let lying = Disk::mount(disk)?;
    lying.lie();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let problem = runtime.block_on(plug::power(CUTS, 1, binary, &lying));
    let problem = problem
        .err()
        .context("on a disk that lies about its syncs nothing was found either")?;
    let first = short(&problem.root_cause().to_string());
    found.push(Found {
        mistake: "DiskLies".to_owned(),
        campaign: "power",
        by: first,
    });
    Ok(found)
}

/// The first line of a problem, up to where it names a file of this machine.
fn short(problem: &str) -> String {
    let line = problem.lines().next().unwrap_or_default();
    let line = line.split(" /").next().unwrap_or_default();
    line.trim_end_matches([' ', ':']).to_owned()
}

/// The table that is kept beside the proof.
#[must_use]
pub fn page(found: &[Found]) -> String {
    let mut text = format!(
        "# Mistakes that are found\n\nEach campaign is tried on machines with a mistake in them; one that is not found fails\n\
         `cargo xtask campaign controls`, which makes this page. {} of {}.\n\n| mistake | campaign | found by |\n|---|---|---|\n",
        found.len(),
        found.len()
    );
    for Found {
        mistake,
        campaign,
        by,
    } in found
    {
        let by = by.replace('|', "/");
        // writing to a String cannot fail
        let _ = writeln!(text, "| `{mistake}` | `{campaign}` | {by} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_a_mistake_names_no_file_of_this_machine() {
        let found = "cut after 3 of 9: its key is gone: cannot read /tmp/x/key: no such file\nmore";
        assert_eq!(short(found), "cut after 3 of 9: its key is gone: cannot read");
        assert_eq!(
            short("the database does not open: /tmp/x"),
            "the database does not open"
        );
    }

    #[test]
    fn page_has_a_row_for_each() {
        let found = Found {
            mistake: "ConfirmsTwice".to_owned(),
            campaign: "once",
            by: "seed 3: a | b".to_owned(),
        };
        let page = page(&[found]);
        assert!(
            page.ends_with("| `ConfirmsTwice` | `once` | seed 3: a / b |\n"),
            "{page}"
        );
    }
}
