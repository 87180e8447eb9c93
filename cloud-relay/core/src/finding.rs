//! By which names a record can be found: everything that stands on a receipt, in a terminal or in Odoo and that a
//! person may have in hand. Names of people and last digits of cards are none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Body, CardFacts, Fact, Observation, Transaction};

/// Longest text that is looked for, in bytes; longer ones are cut.
pub const NAME_LEN_MAX: usize = 64;

/// What a name is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// A ticket's or invoice's number.
    Ticket,
    /// The POS's own id.
    PosId,
    /// An issuer's authorisation code.
    AuthCode,
    /// The processor's reference.
    Reference,
    /// An item.
    Sku,
    /// A serial number.
    Serial,
    /// What was paid in all, without a sign.
    Amount,
}

impl NameKind {
    /// Every kind, in order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Ticket,
        Self::PosId,
        Self::AuthCode,
        Self::Reference,
        Self::Sku,
        Self::Serial,
        Self::Amount,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::PosId => "POS id",
            Self::AuthCode => "authorisation code",
            Self::Reference => "processor reference",
            Self::Sku => "item",
            Self::Serial => "serial number",
            Self::Amount => "amount",
        }
    }

    /// Its number in a database; never given to another.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind of that number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// The names of what an observation says, each as [`wanted`] writes it.
#[must_use]
pub fn names(observation: &Observation) -> BTreeSet<(NameKind, String)> {
    let mut names = Names::default();
    match &observation.fact {
        Fact::Transaction(transaction) => names.transaction(transaction),
        Fact::Terminal(payment) => {
            names.add(NameKind::Ticket, payment.invoice.as_ref().map(|i| i.as_str()));
            names.card(payment.card.as_ref());
            names.amount(payment.approved);
        }
        Fact::Printed(printed) => {
            names.add(NameKind::Ticket, printed.ticket.as_ref().map(|t| t.as_str()));
            for line in &printed.lines {
                names.add(NameKind::Sku, line.sku.as_ref().map(|s| s.as_str()));
            }
            for tender in &printed.tenders {
                names.card(tender.card.as_ref());
            }
            printed.total.into_iter().for_each(|total| names.amount(total));
        }
        Fact::Report(report) => {
            for entry in &report.entries {
                names.add(NameKind::Ticket, entry.invoice.as_ref().map(|i| i.as_str()));
                names.card(entry.card.as_ref());
            }
        }
        Fact::Screen(_) | Fact::Unreadable(_) | Fact::Notice(_) | Fact::Close(_) => {}
    }
    names.0
}

#[derive(Default)]
struct Names(BTreeSet<(NameKind, String)>);

impl Names {
    fn add(&mut self, kind: NameKind, text: Option<&str>) {
        if let Some(text) = text.map(plain).filter(|text| !text.is_empty()) {
            self.0.insert((kind, text));
        }
    }

    fn amount(&mut self, amount: Amount) {
        if !amount.is_zero() {
            self.add(NameKind::Amount, Some(amount.decimal().trim_start_matches('-')));
        }
    }

    fn card(&mut self, card: Option<&CardFacts>) {
        let Some(card) = card else { return };
        self.add(NameKind::AuthCode, card.auth_code.as_ref().map(|c| c.as_str()));
        self.add(NameKind::Reference, card.reference.as_ref().map(|r| r.as_str()));
    }

    fn transaction(&mut self, told: &Transaction) {
        self.add(NameKind::Ticket, Some(told.key.ticket.as_str()));
        self.add(NameKind::PosId, told.pos_id.as_ref().map(|id| id.as_str()));
        match &told.body {
            Body::Trade(trade) => {
                for line in &trade.lines {
                    self.add(NameKind::Sku, line.sku.as_ref().map(|s| s.as_str()));
                    self.add(NameKind::Serial, line.serial.as_ref().map(|s| s.as_str()));
                }
                for tender in &trade.tenders {
                    self.card(tender.card.as_ref());
                }
                let original = trade.original.as_ref();
                self.add(
                    NameKind::Ticket,
                    original.and_then(|o| o.ticket.as_ref()).map(|t| t.as_str()),
                );
                self.amount(trade.totals.total);
            }
            Body::Drawer(movement) => self.amount(movement.amount),
            Body::Void(void) => self.add(NameKind::Ticket, void.of.ticket.as_ref().map(|t| t.as_str())),
            Body::Open { .. } | Body::Count(_) | Body::Close { .. } => {}
        }
    }
}

/// As names are kept and looked for: without surrounding space, in capitals, of bounded length.
fn plain(text: &str) -> String {
    let mut plain = text.trim().to_uppercase();
    if plain.len() > NAME_LEN_MAX {
        let end = (0..=NAME_LEN_MAX).rev().find(|at| plain.is_char_boundary(*at));
        plain.truncate(end.unwrap_or(0));
    }
    plain
}

/// What a person's words may mean, the likeliest first: the words themselves, and where they are money the bare
/// decimal. Nothing for nothing.
#[must_use]
pub fn wanted(words: &str) -> Vec<String> {
    let text = plain(words);
    if text.is_empty() {
        return Vec::new();
    }
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, '$' | '€' | '£' | ',' | ' ' | '-'))
        .collect();
    let (whole, fraction) = bare.split_once('.').unwrap_or((&bare, ""));
    let is_money = !whole.is_empty() && (whole.chars().chain(fraction.chars())).all(|c| c.is_ascii_digit());
    let money = is_money.then(|| match fraction.len() {
        0 => format!("{whole}.00"),
        1 => format!("{whole}.{fraction}0"),
        _ => bare.clone(),
    });
    let mut all = vec![text];
    all.extend(money.filter(|money| *money != all[0]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_looked_for_as_written_and_as_money() {
        let cases: [(&str, &[&str]); 7] = [
            (" 05231a ", &["05231A"]),
            ("$1,234.5", &["$1,234.5", "1234.50"]),
            ("26.10", &["26.10"]),
            ("-26", &["-26", "26.00"]),
            ("TILL/2026/11/0003", &["TILL/2026/11/0003"]),
            ("...", &["..."]),
            ("  ", &[]),
        ];
        for (words, found) in cases {
            assert_eq!(wanted(words), found, "{words}");
        }
    }

    #[test]
    fn a_ten_megabyte_question_is_cut_between_characters() {
        let found = wanted(&"ß€".repeat(2_000_000));
        assert!(found[0].len() <= NAME_LEN_MAX && !found[0].is_empty());
    }

    #[test]
    fn kinds_keep_their_numbers() {
        let numbers = NameKind::ALL.map(NameKind::code);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
        assert!(
            NameKind::ALL
                .into_iter()
                .all(|kind| NameKind::from_code(kind.code()) == Some(kind))
        );
    }
}
