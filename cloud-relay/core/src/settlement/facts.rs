//! What a line says about its payment, as facts of the payment's life.

use std::collections::BTreeSet;

use tillwire_proto::Amount;

use super::line::{LineKind, Progress, SettlementLine};
use crate::matching::TenderRef;
use crate::payments::{PaymentAct, PaymentEvent, PaymentFact, PaymentName, Told};

/// The facts of a line, under its own names and those of the tender that it was matched to. That a settled payment was
/// taken before only follows, and counts where no terminal told of it.
#[must_use]
pub fn facts_of_line(line: &SettlementLine, tender: Option<&TenderRef>) -> Vec<PaymentFact> {
    let told = Told::Processor(format!("{} {}", line.kind.name(), line.id));
    let names = names(line, tender);
    events(line)
        .into_iter()
        .map(|(event, implied)| PaymentFact {
            event,
            told: told.clone(),
            names: names.clone(),
            at: None,
            implied,
        })
        .collect()
}

fn names(line: &SettlementLine, tender: Option<&TenderRef>) -> BTreeSet<PaymentName> {
    // without any other name a line is a payment of its own
    let own = PaymentName::Processor(format!("{}/{}", line.merchant, line.id));
    let reference = line.reference.clone().map(PaymentName::Reference);
    let tender = tender.cloned().map(PaymentName::Tender);
    [Some(own), reference, tender].into_iter().flatten().collect()
}

/// Events, each with whether it only follows.
fn events(line: &SettlementLine) -> Vec<(PaymentEvent, bool)> {
    use PaymentAct as A;
    let amount = line.amount;
    let told = |act| (PaymentEvent::new(act, amount), false);
    let follows = |act| (PaymentEvent::new(act, amount), true);
    let begun: &[A] = match line.kind {
        LineKind::Sale => &[A::Authorised, A::Captured],
        LineKind::Refund => &[A::Refunded],
        LineKind::Chargeback if line.is_funded() => return vec![told(A::Disputed)],
        LineKind::Reversal if line.is_funded() => return vec![told(A::DisputeReversed)],
        LineKind::Chargeback | LineKind::Reversal => return Vec::new(),
    };
    let mut all: Vec<_> = begun.iter().map(|act| follows(*act)).collect();
    match line.progress {
        Progress::Asked => all.clear(),
        Progress::Authorised => all.truncate(1),
        Progress::Captured => {}
        Progress::Batched => all.push(told(A::Batched)),
        Progress::Funded => {
            all.push(told(A::Batched));
            if line.is_funded() {
                all.push((PaymentEvent::new(A::Settled, settled(line)), false));
            }
        }
        Progress::Voided => all = vec![told(A::Voided)],
        Progress::Declined | Progress::Rejected if line.kind == LineKind::Refund => {
            all = vec![told(A::RefundFailed)];
        }
        Progress::Declined | Progress::Rejected => all = vec![told(A::Declined)],
    }
    all
}

fn settled(line: &SettlementLine) -> Amount {
    Amount::new(line.signed_minor(), line.amount.currency())
}
