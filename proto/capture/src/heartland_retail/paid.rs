//! Payments as the account lists them by themselves. A change of a payment does not always move its ticket's time, and money can
//! be taken that no ticket shows: the list of payments tells of both. It names no ticket, so that each payment is looked up
//! by its id among those that stood on tickets.
//!
//! Sources: programs in live use list `/payments` and show the fields that are read here; that it can be filtered by
//! `updated_at`, which payments have, is taken from how every other list of the account is.

use serde::Deserialize;
use tillwire_proto::{Amount, Currency, TenderState};

use super::cloud::{self, Listing, Page, PageError};
use super::{payment, wire};
use crate::scalar::{Object, Scalar};

/// A payment that stands on no ticket for so long is told, in milliseconds.
pub const ALONE_MS: i64 = 15 * 60_000;

/// A payment, by what is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// Its id in the account.
    pub id: String,
    /// What became of it.
    pub state: TenderState,
    /// What came into the till, in minor units; negative for what went out. `None` when it cannot be read.
    pub amount: Option<Amount>,
    /// When, by the store's own clock, as written; empty when it does not say.
    pub at: String,
    /// The location that it names; empty when it names none.
    pub location: String,
}

/// What is held of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPayment {
    /// The ticket that it stands on, as far as known.
    pub ticket: Option<String>,
    /// [`Paid::says`] as it stands on that ticket.
    pub says: Option<String>,
    /// [`Paid::says`] as the list told it last.
    pub listed: Option<String>,
}

impl HeldPayment {
    /// What is known need not be acted upon again: an account whose list and ticket differ for good is not asked for ever.
    fn knows(&self, says: &str) -> bool {
        [&self.says, &self.listed]
            .iter()
            .any(|known| known.as_deref() == Some(says))
    }
}

/// What follows from a payment of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows<'a> {
    /// Nothing: it is what was known.
    Nothing,
    /// It is remembered as seen; whether a ticket shows it is found out.
    Remember,
    /// It changed, and its ticket is asked for again.
    AskFor(&'a str),
}

impl Paid {
    /// What is compared, as it is held.
    #[must_use]
    pub fn says(&self) -> String {
        let amount = self.amount.map_or_else(String::new, |amount| amount.to_string());
        format!("{:?} {amount}", self.state)
    }

    /// Whether money moved by it for good.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.state == TenderState::Complete
    }

    /// What follows, by what is held of it.
    #[must_use]
    pub fn follows<'a>(&self, held: Option<&'a HeldPayment>) -> Follows<'a> {
        match held {
            Some(held) if held.knows(&self.says()) => Follows::Nothing,
            Some(HeldPayment {
                ticket: Some(ticket), ..
            }) => Follows::AskFor(ticket),
            _ => Follows::Remember,
        }
    }
}

/// Reads a page of payments, and each of them.
///
/// # Errors
/// [`PageError`] as for every page.
pub fn read_page(body: &[u8], currency: Currency) -> Result<(Page<'_>, Vec<Paid>), PageError> {
    let page = cloud::read_page(body, Listing::Payments)?;
    let payments = page.tickets.iter().map(|listed| {
        let read: Object<wire::Payment<'_>> =
            serde_json::from_slice(listed.body).map_err(|error| PageError {
                found: error.to_string(),
                wanted: "a payment",
            })?;
        Ok(Paid {
            location: listed.location.clone(),
            ..paid(&read, currency)
        })
    });
    let payments = payments.collect::<Result<_, _>>()?;
    Ok((page, payments))
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    payments: Option<Vec<Object<wire::Payment<'a>>>>,
}

/// The payments that stand on a ticket. What cannot be read as a ticket has none here; its reader says so.
#[must_use]
pub fn of_ticket(body: &[u8], currency: Currency) -> Vec<Paid> {
    let head: Option<Head<'_>> = serde_json::from_slice(body).ok();
    let payments = head.and_then(|head| head.payments).unwrap_or_default();
    let payments = payments.iter().map(|payment| paid(payment, currency));
    payments.filter(|paid| !paid.id.is_empty()).collect()
}

fn paid(read: &wire::Payment<'_>, currency: Currency) -> Paid {
    let text = |scalar: &Scalar<'_>| scalar.text().map(|text| text.into_owned()).unwrap_or_default();
    Paid {
        id: text(&read.id),
        state: payment::state(read),
        amount: payment::moved(read, "amount", currency).ok(),
        at: text(&read.local_completed_at),
        location: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"{"id":331902,"type":"Payments::CreditCardPayment","deposit":true,"status":"complete",
        "amount":80.0,"local_completed_at":"2026-11-14T10:32:15","updated_at":"2026-11-14T16:32:15+00:00"}"#;

    fn usd() -> Currency {
        Currency::from_code("USD").unwrap()
    }

    fn listed(payment: &str) -> Paid {
        let page = format!(r#"{{"total":1,"results":[{payment}]}}"#);
        read_page(page.as_bytes(), usd()).unwrap().1.remove(0)
    }

    #[test]
    fn payment_of_the_list_and_on_its_ticket_say_the_same() {
        let ticket = format!(r#"{{"id":1,"payments":[{}]}}"#, CARD.replace("80.0", "80.00"));
        let on_ticket = of_ticket(ticket.as_bytes(), usd()).remove(0);
        assert_eq!(on_ticket.says(), listed(CARD).says());
        let back = |amount| CARD.replace("80.0", amount).replace("true", "false");
        assert_eq!(listed(&back("4.96")).says(), listed(&back("-4.96")).says());
        assert_ne!(
            listed(&back("4.96")).says(),
            listed(&CARD.replace("80.0", "4.96")).says()
        );
    }

    #[test]
    fn changed_payment_has_its_ticket_asked_for_and_a_known_one_has_not() {
        let held = |ticket: Option<&str>| HeldPayment {
            ticket: ticket.map(str::to_owned),
            says: ticket.map(|_| listed(CARD).says()),
            listed: ticket.is_none().then(|| listed(CARD).says()),
        };
        let voided = listed(&CARD.replace("complete\"", "voided\""));
        assert!(!voided.counts());
        assert_eq!(
            voided.follows(Some(&held(Some("204881")))),
            Follows::AskFor("204881")
        );
        assert_eq!(voided.follows(Some(&held(None))), Follows::Remember);
        assert_eq!(voided.follows(None), Follows::Remember);
        assert_eq!(listed(CARD).follows(Some(&held(None))), Follows::Nothing);
        let asked = HeldPayment {
            listed: Some(voided.says()),
            ..held(Some("204881"))
        };
        assert_eq!(
            voided.follows(Some(&asked)),
            Follows::Nothing,
            "its ticket says otherwise for good"
        );
    }

    #[test]
    fn page_without_an_id_or_time_is_none() {
        for cut in [r#""id":331902,"#, r#","updated_at":"2026-11-14T16:32:15+00:00""#] {
            let page = format!(r#"{{"results":[{}]}}"#, CARD.replace(cut, ""));
            let error = read_page(page.as_bytes(), usd()).unwrap_err().to_string();
            assert!(error.contains("payment"), "{error}");
        }
        assert!(of_ticket(b"[]", usd()).is_empty());
    }
}
