//! Which line settles which tender, by rules in order of trust; the rule is kept with the pair. A rule joins only what
//! it leaves no choice about: one line and one tender that nothing else could be, or equal tenders of one ticket.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::line::{LineKind, LineSource, SettlementLine};
use super::tender::CardTender;
use crate::matching::TenderRef;

/// Days that an approval code is trusted over: issuers use each again.
const AUTH_CODE_DAYS: u32 = 3;
/// Days that a lone amount is trusted over.
const AMOUNT_DAYS: u32 = 1;

/// How a line was joined, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettleRule {
    /// The gateway's number, as the terminal told it.
    Reference,
    /// The ticket's number and the amount.
    Invoice,
    /// Approval code, amount, last four digits as far as both tell them, and nearness by day.
    AuthCode,
    /// Amount, brand, last four digits and day; only where there is one of each.
    Amount,
    /// A dispute of a line that was joined before, by the card network's number or another of its own.
    EarlierLine,
}

impl SettleRule {
    const TENDER_RULES: [Self; 4] = [Self::Reference, Self::Invoice, Self::AuthCode, Self::Amount];

    /// As lists write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Invoice => "invoice",
            Self::AuthCode => "auth-code",
            Self::Amount => "amount",
            Self::EarlierLine => "earlier-line",
        }
    }
}

/// A line's tender, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// The tender.
    pub tender: TenderRef,
    /// The rule.
    pub rule: SettleRule,
}

/// Joins lines that have no tender yet, given by their place, to tenders that no sale or refund settles yet. `joined`
/// are the lines that have one; disputes follow them. The order of lines and tenders changes nothing.
#[must_use]
pub fn match_lines(
    lines: &[SettlementLine],
    tenders: &[CardTender],
    joined: &[(SettlementLine, Matched)],
) -> BTreeMap<usize, Matched> {
    let mut found = BTreeMap::new();
    for source in [LineSource::Gateway, LineSource::Processor] {
        let settled = |tender: &&CardTender| {
            joined.iter().any(|(line, m)| {
                line.source == source && !line.kind.is_dispute() && m.tender == tender.tender
            })
        };
        let mut free: Vec<&CardTender> = tenders.iter().filter(|tender| !settled(tender)).collect();
        // where either is as right as the other, names choose
        free.sort_by(|one, other| one.tender.cmp(&other.tender));
        let mut open: Vec<usize> = (0..lines.len())
            .filter(|place| is_payment(&lines[*place], source))
            .collect();
        open.sort_by_key(|place| (&lines[*place].merchant, &lines[*place].id, lines[*place].kind));
        for rule in SettleRule::TENDER_RULES {
            for (line, tender) in pairs(lines, &open, &free, rule) {
                free.retain(|other| other.tender != tender);
                open.retain(|place| *place != line);
                found.insert(line, Matched { tender, rule });
            }
        }
    }
    let known: Vec<(&SettlementLine, &Matched)> = joined
        .iter()
        .map(|(line, matched)| (line, matched))
        .chain(found.iter().map(|(place, matched)| (&lines[*place], matched)))
        .collect();
    let disputes = (0..lines.len()).filter(|place| lines[*place].kind.is_dispute());
    let followed: Vec<(usize, Matched)> = disputes
        .filter_map(|place| Some((place, follow(&lines[place], &known)?)))
        .collect();
    found.extend(followed);
    found
}

fn is_payment(line: &SettlementLine, source: LineSource) -> bool {
    line.source == source && line.progress.moves_money() && !line.kind.is_dispute()
}

/// The pairs that a rule leaves no choice about.
fn pairs(
    lines: &[SettlementLine],
    wanted: &[usize],
    free: &[&CardTender],
    rule: SettleRule,
) -> Vec<(usize, TenderRef)> {
    let mut of_line: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut of_tender: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in wanted {
        for (other, tender) in free.iter().enumerate() {
            if fits(&lines[*place], tender, rule) {
                of_line.entry(*place).or_default().push(other);
                of_tender.entry(other).or_default().push(*place);
            }
        }
    }
    let mut all = Vec::new();
    let mut used = vec![false; free.len()];
    for (place, candidates) in wanted
        .iter()
        .filter_map(|place| Some((place, of_line.get(place)?)))
    {
        let rivals: BTreeSet<usize> = candidates
            .iter()
            .flat_map(|other| of_tender[other].iter().copied())
            .collect();
        // a ticket paid with two equal cards: either is as right as the other
        let first = &free[candidates[0]].tender.ticket;
        let alike = candidates
            .iter()
            .all(|other| free[*other].tender.ticket == *first)
            && rivals.iter().all(|rival| of_line[rival] == *candidates)
            && rivals.len() <= candidates.len();
        let next = candidates.iter().find(|other| !used[**other]);
        if let Some(next) = next.filter(|_| alike) {
            used[*next] = true;
            all.push((*place, free[*next].tender.clone()));
        }
    }
    all
}

fn fits(line: &SettlementLine, tender: &CardTender, rule: SettleRule) -> bool {
    let same_way = tender.amount.is_negative() == (line.kind == LineKind::Refund);
    let amount =
        tender.amount.minor() == line.signed_minor() && tender.amount.currency() == line.amount.currency();
    let last4 = match (line.last4, tender.last4) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let near = |days: u32| {
        let apart = |day: tillwire_proto::BusinessDay| {
            day.days_since_epoch()
                .abs_diff(tender.tender.ticket.day.days_since_epoch())
        };
        line.date.is_some_and(|date| apart(date) <= days)
    };
    match rule {
        SettleRule::Reference => {
            same_way
                && line
                    .reference
                    .as_ref()
                    .is_some_and(|number| tender.references.contains(number))
        }
        SettleRule::Invoice => {
            amount
                && last4
                && line
                    .invoice
                    .as_ref()
                    .is_some_and(|number| tender.numbers.contains(number))
        }
        SettleRule::AuthCode => {
            let code = line
                .auth_code
                .as_ref()
                .is_some_and(|code| tender.auth_codes.contains(code));
            amount && last4 && code && near(AUTH_CODE_DAYS)
        }
        SettleRule::Amount => {
            let told = line.last4.is_some() && tender.last4.is_some();
            amount && last4 && told && line.brand == tender.brand && near(AMOUNT_DAYS)
        }
        SettleRule::EarlierLine => false,
    }
}

/// The payment that a dispute is about: by the network's number, else by ticket number and approval code.
fn follow(dispute: &SettlementLine, known: &[(&SettlementLine, &Matched)]) -> Option<Matched> {
    let sales = || {
        known
            .iter()
            .filter(|(line, _)| line.kind == LineKind::Sale && line.merchant == dispute.merchant)
    };
    let by_network = |line: &SettlementLine| dispute.network.is_some() && line.network == dispute.network;
    let by_reference =
        |line: &SettlementLine| dispute.reference.is_some() && line.reference == dispute.reference;
    let by_ticket = |line: &SettlementLine| {
        dispute.invoice.is_some()
            && line.invoice == dispute.invoice
            && dispute.auth_code.is_some()
            && line.auth_code == dispute.auth_code
    };
    let only = |fits: &dyn Fn(&SettlementLine) -> bool| {
        let mut tenders: Vec<&TenderRef> = sales()
            .filter(|(line, _)| fits(line))
            .map(|(_, m)| &m.tender)
            .collect();
        tenders.sort_unstable();
        tenders.dedup();
        if let [tender] = tenders[..] {
            Some(tender.clone())
        } else {
            None
        }
    };
    let tender = only(&by_network)
        .or_else(|| only(&by_reference))
        .or_else(|| only(&by_ticket))?;
    Some(Matched {
        tender,
        rule: SettleRule::EarlierLine,
    })
}
