//! The published proof: what each campaign tried, how often, and what bound that gives, on one page.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// One campaign's part of the page.
#[derive(Debug, Clone)]
pub struct Part {
    /// The campaign, as `cargo xtask campaign` calls it.
    pub name: &'static str,
    /// The promise that it attacks.
    pub promise: &'static str,
    /// What counts as one try.
    pub unit: &'static str,
    /// How many there were.
    pub tries: u64,
    /// The first seed.
    pub seed: u64,
    /// What it says of itself.
    pub words: String,
    /// Seconds.
    pub took_s: f64,
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
pub fn page(parts: &[Part], machine: &str, date: &str) -> String {
    let mut text = format!(
        "# Proof\n\nWhat the campaigns tried, all with the seeds named, and none of them found a failure. Made by\n\
         `cargo xtask campaign` on {machine}, {date}. Each part can be run again, longer, and from another seed:\n\
         `cargo xtask campaign NAME --n N --seed S`. A bound is the rule of three (95 %) over independent tries, and holds for\n\
         what the campaign can do to the programs, no more.\n\n\
         | campaign | promise | tries | bound per try | seed | seconds |\n|---|---|---|---|---|---|\n"
    );
    for part in parts {
        let Part {
            name,
            promise,
            unit,
            tries,
            seed,
            took_s,
            ..
        } = part;
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "| `{name}` | {promise} | {tries} {unit} | {} | {seed} | {took_s:.0} |",
            bound(*tries)
        );
    }
    for part in parts {
        let _ = writeln!(text, "\n## {}\n\n{}.", part.name, part.words);
    }
    text
}

/// Writes the page.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write(path: &Path, parts: &[Part], machine: &str, date: &str) -> anyhow::Result<()> {
    std::fs::write(path, page(parts, machine, date))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_the_rule_of_three() {
        assert_eq!(bound(3_000), "fewer than 1 in 1000");
        assert_eq!(bound(0), "nothing");
    }

    #[test]
    fn page_names_each_campaign_with_its_figures() {
        let part = Part {
            name: "kill",
            promise: "nothing lost",
            unit: "kills",
            tries: 300,
            seed: 7,
            words: "300 ends".to_owned(),
            took_s: 12.4,
        };
        let page = page(&[part], "two cores", "2026-11-26");
        assert!(
            page.contains("| `kill` | nothing lost | 300 kills | fewer than 1 in 100 | 7 | 12 |"),
            "{page}"
        );
        assert!(page.ends_with("## kill\n\n300 ends.\n"), "{page}");
    }
}
