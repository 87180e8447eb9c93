//! When are two accounts of a transaction the same? When the same goods, taxes, tips, tenders and totals changed
//! hands. Clocks, operators' names, card details and wording differ between witnesses and decide nothing.

use tillwire_proto::{Amount, Body, Sku, TenderKind, TenderState, Trade, Transaction, Witness};

use super::{Known, Sighting, Version};

/// True when two accounts of one business key tell the same business.
#[must_use]
pub fn same_business(one: &Transaction, other: &Transaction) -> bool {
    if one.key != other.key || one.currency != other.currency {
        return false;
    }
    match (&one.body, &other.body) {
        (Body::Trade(one), Body::Trade(other)) => same_trade(one, other),
        (Body::Void(one), Body::Void(other)) => {
            one.was_completed == other.was_completed && same_original(&one.of, &other.of)
        }
        (Body::Drawer(one), Body::Drawer(other)) => {
            one.amount == other.amount && agree(one.reason.as_ref(), other.reason.as_ref())
        }
        (one, other) => one == other,
    }
}

/// Two optional details agree unless both are there and differ.
fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn same_original(one: &tillwire_proto::OriginalTicket, other: &tillwire_proto::OriginalTicket) -> bool {
    agree(one.ticket.as_ref(), other.ticket.as_ref())
        && agree(one.pos_id.as_ref(), other.pos_id.as_ref())
        && agree(one.day.as_ref(), other.day.as_ref())
}

fn same_trade(one: &Trade, other: &Trade) -> bool {
    one.totals == other.totals
        && one.change == other.change
        && sorted(lines(one)) == sorted(lines(other))
        && sorted(taxes(one)) == sorted(taxes(other))
        && sorted(tenders(one)) == sorted(tenders(other))
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}

fn lines(trade: &Trade) -> Vec<(u8, Option<&Sku>, i64, Amount)> {
    trade
        .lines
        .iter()
        .map(|line| {
            (
                line.kind as u8,
                line.sku.as_ref(),
                line.quantity.millionths(),
                line.extended,
            )
        })
        .collect()
}

fn taxes(trade: &Trade) -> Vec<(&str, Amount)> {
    trade
        .taxes
        .iter()
        .map(|tax| (tax.jurisdiction.as_str(), tax.amount))
        .collect()
}

fn tenders(trade: &Trade) -> Vec<(&TenderKind, Amount, bool)> {
    trade
        .tenders
        .iter()
        .filter(|tender| tender.state != TenderState::Voided)
        .map(|tender| (&tender.kind, tender.amount, tender.state == TenderState::Complete))
        .collect()
}

/// How much a witness is worth when several tell the same: the POS itself knows its own ticket best.
const fn rank(witness: Witness) -> u8 {
    match witness {
        Witness::PosPush => 0,
        Witness::CloudPoll => 1,
        Witness::File => 2,
        Witness::Terminal => 3,
        Witness::Printer => 4,
        Witness::Agent => 5,
    }
}

impl Known {
    /// Files one account of a transaction: another witness of a version that is there, or a version of its own.
    pub(super) fn file(&mut self, transaction: Transaction, sighting: Sighting) {
        let place = self
            .versions
            .iter_mut()
            .find(|version| same_business(&version.transaction, &transaction));
        if let Some(version) = place {
            if !version.records().any(|record| record == sighting.record) {
                version.add(transaction, sighting);
            }
        } else {
            self.versions.push(Version {
                transaction,
                sightings: vec![sighting],
            });
        }
        self.versions.sort_by_key(Version::order);
    }

    /// The version that counts: the only one, or the one that a person chose by one of its records.
    #[must_use]
    pub fn chosen(&self, choice: Option<super::RecordId>) -> Option<&Version> {
        match (self.versions.as_slice(), choice) {
            ([only], _) => Some(only),
            (several, Some(choice)) => several
                .iter()
                .find(|version| version.records().any(|record| record == choice)),
            (_, None) => None,
        }
    }

    /// All records of all versions.
    pub fn records(&self) -> impl Iterator<Item = super::RecordId> {
        self.versions.iter().flat_map(Version::records)
    }
}

impl Version {
    fn order(&self) -> (u8, super::RecordId) {
        let best = self.sightings.iter().map(|s| (rank(s.witness), s.record)).min();
        best.expect("a version has at least one sighting")
    }

    fn add(&mut self, transaction: Transaction, sighting: Sighting) {
        if (rank(sighting.witness), sighting.record) < self.order() {
            self.transaction = transaction;
        }
        self.sightings.push(sighting);
        self.sightings.sort_by_key(|s| s.record);
    }
}
