//! What a missing row might point at, the likeliest first and each with its reason. A person decides; nothing here is
//! ever booked by itself.
//!
//! Three places are looked at: the same key in another store, similar keys of the same table, and what Odoo has under a
//! resembling name or code, as far as that is known. Pure: equal questions have equal answers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Mapping;
use super::mapping::Target;

/// At least so alike, in hundredths, to be worth showing.
const ALIKE_MIN: u32 = 50;

/// Most that are shown.
const SHOWN_MAX: usize = 5;

/// Something that a missing row might point at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The account's code, or of goods the internal reference.
    pub target: String,
    /// Why.
    pub why: String,
    /// How sure, in hundredths.
    pub score: u32,
}

/// The mapping of another store.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere<'a> {
    /// The store as people name it.
    pub store: &'a str,
    /// True in the same company of Odoo, whose codes are the same.
    pub same_company: bool,
    /// Its mapping.
    pub mapping: &'a Mapping,
}

/// Something that Odoo has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOdoo {
    /// What it is, in a word: `account`, `tax`, `product`.
    pub what: &'static str,
    /// What a row would point at: an account's code, or a product's internal reference.
    pub target: String,
    /// Its name there.
    pub name: String,
}

/// Ranks what the row of `key` (such as `tender.EBAY`) might point at. No target twice; at most five.
#[must_use]
pub fn suggest(key: &str, own: &Mapping, elsewhere: &[Elsewhere<'_>], odoo: &[InOdoo]) -> Vec<Suggestion> {
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    let mut found: Vec<Suggestion> = Vec::new();
    for other in elsewhere {
        let Some(row) = other.mapping.row(key) else {
            continue;
        };
        let (score, whose) = if other.same_company {
            (100, "of the same company ")
        } else {
            (80, "")
        };
        found.push(Suggestion {
            target: target(&row.target),
            why: format!("store {} {whose}has it for the same key", other.store),
            score,
        });
    }
    for row in own.rows() {
        let (of, other) = row.id.key.split_once('.').unwrap_or(("", &row.id.key));
        let alike = alike(name, other);
        if of == table && alike >= ALIKE_MIN {
            found.push(Suggestion {
                target: target(&row.target),
                why: format!("its name is like {}, which goes there", row.id.key),
                score: alike * 9 / 10,
            });
        }
    }
    let wanted = if table == "product" { "product" } else { "account" };
    for there in odoo
        .iter()
        .filter(|there| there.what == wanted || (there.what == "tax" && table == "tax"))
    {
        let alike = alike(name, &there.name).max(alike(name, &there.target));
        if alike >= ALIKE_MIN {
            found.push(Suggestion {
                target: there.target.clone(),
                why: format!("Odoo has {} {} {:?}", there.what, there.target, there.name),
                score: alike * 8 / 10,
            });
        }
    }
    found.sort_by(|one, other| {
        (other.score, &one.target, &one.why).cmp(&(one.score, &other.target, &other.why))
    });
    let mut seen = BTreeSet::new();
    found.retain(|suggestion| seen.insert(suggestion.target.clone()));
    found.truncate(SHOWN_MAX);
    found
}

fn target(target: &Target) -> String {
    match target {
        Target::Account(row) => row.account.to_string(),
        Target::Product(row) => row.code.to_string(),
        Target::Name(name) => name.clone(),
    }
}

/// How alike two names are, in hundredths: by their words or by their letters, whichever is more.
fn alike(one: &str, other: &str) -> u32 {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    by_words(&one, &other).max(by_letters(&one, &other))
}

/// Shared words of all words.
fn by_words(one: &str, other: &str) -> u32 {
    let words = |text: &'_ str| -> BTreeSet<String> {
        let words = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 1);
        words.map(str::to_owned).collect()
    };
    let (one, other) = (words(one), words(other));
    let all = one.union(&other).count();
    hundredths(one.intersection(&other).count(), all)
}

/// Letters that need not be changed, of the longer one's.
fn by_letters(one: &str, other: &str) -> u32 {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.chars().take(64).collect(), other.chars().take(64).collect());
    let longer = one.len().max(other.len());
    hundredths(longer - edits(&one, &other), longer)
}

fn hundredths(part: usize, whole: usize) -> u32 {
    if whole == 0 {
        return 0;
    }
    u32::try_from(part * 100 / whole).unwrap_or(0)
}

/// Levenshtein's distance: letters to put in, take out or change.
fn edits(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = before + usize::from(a != b);
            before = row[j + 1];
            row[j + 1] = change.min(before + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_by_letters_and_by_words() {
        let letters = |one: &str, other: &str| {
            edits(
                &one.chars().collect::<Vec<_>>(),
                &other.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(letters("kitten", "sitting"), 3);
        assert_eq!(letters("", "abc"), 3);
        assert_eq!(alike("CA State", "ca state"), 100);
        assert_eq!(alike("State of CA", "CA State"), 66);
        assert!(alike("EBAY", "cash") < ALIKE_MIN);
    }
}
