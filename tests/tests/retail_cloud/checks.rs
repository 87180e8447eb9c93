//! What the account says beside its tickets: payments by themselves, and what is in stock.

use std::time::Duration;

use serde_json::{Value, json};
use tillwire_relay::clock::Clock;
use tillwire_relay::cloud::checks::Check;
use tillwire_relay::cloud::memory::{self, shelves};
use tillwire_relay::store::exceptions::{self, Filter};
use tillwire_relay_core::exception::ExceptionKind;
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, ticket};

/// Half past ten in the store's morning.
const MORNING: &str = "2026-11-24T16:30:00Z";

fn ms(at: &str) -> i64 {
    at.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// A desk whose relay checks this, in the morning.
async fn desk(check: Check) -> Desk {
    let mut desk = Desk::at(Clock::standing(ms(MORNING))).await;
    desk.account.checks.insert(check);
    desk
}

impl Desk {
    fn in_minutes(&self, minutes: i64) {
        self.store.clock().set(ms(MORNING) + minutes * 60_000);
    }

    /// Cause and words of the open exceptions about payments.
    fn told(&self) -> Vec<(String, String)> {
        let open = self
            .store
            .read_blocking(|db| exceptions::list(db, &Filter::default()))
            .unwrap();
        let open = open.into_iter().map(|one| one.draft);
        open.filter(|draft| draft.kind == ExceptionKind::PaymentWithoutTicket)
            .map(|draft| {
                assert_eq!(draft.at_risk.unwrap().to_string(), "45.00 USD");
                (draft.cause.to_string(), draft.detail)
            })
            .collect()
    }

    fn asked_for(&self, part: &str) -> usize {
        self.cloud
            .asked()
            .iter()
            .filter(|asked| asked.contains(part))
            .count()
    }
}

/// A deposit of 45.00 on something that is no ticket.
fn deposit(status: &str, updated_at: &str) -> Value {
    json!({ "id": 990, "type": "Payments::CashPayment", "description": "Cash", "deposit": true, "payment_type_id": 1,
        "status": status, "amount": 45.0, "completed_at": updated_at, "local_completed_at": "2026-11-24T10:31:00",
        "updated_at": updated_at })
}

#[tokio::test]
async fn changed_payment_has_its_ticket_read_again_although_the_ticket_keeps_its_time() {
    let desk = desk(Check::Payments).await;
    desk.cloud.put(ticket(1, "2026-11-24T16:29:00Z")).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1);
    // the cashier's payment is voided in the back office hours later, and the ticket does not say that it changed
    desk.cloud.put(ticket(2, "2026-11-24T20:00:00Z")).unwrap();
    desk.in_minutes(240);
    assert_eq!(poller.round().await.unwrap(), 1);
    let mut changed = ticket(1, "2026-11-24T16:29:00Z");
    changed["payments"][0]["status"] = json!("voided");
    changed["payments"][0]["updated_at"] = json!("2026-11-24T20:30:10Z");
    desk.cloud.put(changed).unwrap();
    assert_eq!(
        poller.round().await.unwrap(),
        0,
        "the list of payments only says what to ask for"
    );
    assert_eq!(poller.round().await.unwrap(), 1);
    assert_eq!(desk.asked_for("/api/sales/tickets/1"), 1);
    for _ in 0..3 {
        assert_eq!(poller.round().await.unwrap(), 0);
    }
    assert_eq!(desk.asked_for("/api/sales/tickets/1"), 1, "it is asked for once");
}

#[tokio::test]
async fn account_whose_list_and_ticket_differ_for_good_is_not_asked_for_ever() {
    let desk = desk(Check::Payments).await;
    desk.cloud.put(ticket(1, "2026-11-24T16:29:00Z")).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1);
    // the same payment once more, with another amount than its ticket ever shows
    let mut other = ticket(1, "2026-11-24T16:29:00Z")["payments"][0].clone();
    other["amount"] = json!(11.0);
    other["updated_at"] = json!("2026-11-24T16:31:00Z");
    desk.cloud.put_payment(other);
    for _ in 0..5 {
        poller.round().await.unwrap();
    }
    assert_eq!(desk.asked_for("/api/sales/tickets/1"), 1);
}

#[tokio::test]
async fn payment_on_no_ticket_is_told_after_a_quarter_of_an_hour_and_taken_back_when_a_ticket_shows_it() {
    let desk = desk(Check::Payments).await;
    desk.cloud
        .put_payment(deposit("complete", "2026-11-24T16:31:00Z"));
    let mut poller = desk.poller().await;
    poller.round().await.unwrap();
    desk.in_minutes(14);
    poller.round().await.unwrap();
    assert!(desk.told().is_empty(), "its ticket may still be rung up");
    desk.in_minutes(16);
    poller.round().await.unwrap();
    let told = desk.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "payment-without-ticket:990");
    assert!(
        told[0]
            .1
            .contains("payment 990 of 45.00 USD, taken at 2026-11-24T10:31:00"),
        "{told:?}"
    );
    let mut late = ticket(7, "2026-11-24T16:45:00Z");
    (late["status"], late["completed?"]) = (json!("incomplete"), json!(false));
    late["payments"] = json!([deposit("complete", "2026-11-24T16:31:00Z")]);
    desk.cloud.put(late).unwrap();
    assert_eq!(poller.round().await.unwrap(), 0, "it is not finished");
    assert!(desk.told().is_empty(), "but it shows where the money is");
    desk.in_minutes(60);
    poller.round().await.unwrap();
    assert!(desk.told().is_empty());
}

#[tokio::test]
async fn payment_that_is_voided_is_no_money_and_needs_no_ticket() {
    let desk = desk(Check::Payments).await;
    desk.cloud
        .put_payment(deposit("complete", "2026-11-24T16:31:00Z"));
    let mut poller = desk.poller().await;
    poller.round().await.unwrap();
    desk.in_minutes(20);
    poller.round().await.unwrap();
    assert_eq!(desk.told().len(), 1);
    desk.cloud.put_payment(deposit("voided", "2026-11-24T16:51:00Z"));
    desk.in_minutes(21);
    poller.round().await.unwrap();
    assert!(desk.told().is_empty());
    desk.in_minutes(60);
    poller.round().await.unwrap();
    assert!(desk.told().is_empty());
}

#[tokio::test]
async fn account_that_lists_no_payments_is_said_to_be_one_and_its_sales_go_on() {
    let mut desk = desk(Check::Payments).await;
    desk.cloud.lists_no_payments();
    desk.cloud.put(ticket(1, "2026-11-24T16:29:00Z")).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1);
    desk.cloud.put(ticket(2, "2026-11-24T16:30:00Z")).unwrap();
    desk.in_minutes(1);
    assert_eq!(poller.round().await.unwrap(), 1);
    assert_eq!(desk.asked_for("/api/payments"), 1, "it is left alone for a while");
    let tenant = "acme".parse().unwrap();
    let said = desk
        .store
        .read_blocking(|db| memory::problem(db, &tenant))
        .unwrap();
    assert_eq!(said.as_deref(), Some("payments: HTTP 400 Bad Request"));
    // somebody takes the check out, and nothing is wrong any more
    desk.account.checks.clear();
    let stop = CancellationToken::new();
    let running = tokio::spawn(desk.poller().await.run(stop.clone()));
    let problem = || {
        desk.store
            .read_blocking(|db| memory::problem(db, &tenant))
            .unwrap()
    };
    tokio::time::timeout(Duration::from_secs(10), async {
        while problem().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn stock_is_read_at_night_a_page_in_a_round_and_once() {
    let desk = desk(Check::Inventory).await;
    desk.cloud.page_max(2);
    for (item, number, location, quantity) in [
        (5, "MUG", 100_004, "9.5"),
        (6, "TEE", 100_004, "-2"),
        (6, "TEE", 100_005, "40"),
        (7, "SOCK", 100_004, "0"),
        (8, "CAP", 100_004, "3"),
    ] {
        desk.cloud.stocks(item, number, location, quantity);
    }
    let tenant = "acme".parse().unwrap();
    let store = "s01".parse().unwrap();
    let shelf = || {
        desk.store
            .read_blocking(|db| shelves::last(db, &tenant, &store))
            .unwrap()
    };
    let mut poller = desk.poller().await;
    poller.round().await.unwrap();
    desk.store.clock().set(ms("2026-11-25T07:00:00Z"));
    poller.round().await.unwrap();
    assert_eq!(desk.asked_for("/api/inventory/values"), 0, "the day is not over");
    // a quarter past four in Chicago, where the day ends at four
    let night = "2026-11-25T10:15:00Z";
    desk.store.clock().set(ms(night));
    poller.round().await.unwrap();
    assert_eq!(shelf(), None, "half a catalogue is no stock");
    poller.round().await.unwrap();
    let read = shelf().unwrap();
    assert_eq!(read.at_ms, ms(night));
    let lines: Vec<_> = read
        .lines
        .iter()
        .map(|(sku, quantity)| (sku.as_str(), *quantity))
        .collect();
    assert_eq!(
        lines,
        [("CAP", 3_000_000), ("MUG", 9_500_000), ("TEE", -2_000_000)]
    );
    poller.round().await.unwrap();
    assert_eq!(desk.asked_for("/api/inventory/values"), 2, "once a night");
    desk.store.clock().set(ms(night) + 86_400_000);
    poller.round().await.unwrap();
    assert_eq!(desk.asked_for("/api/inventory/values"), 3);
}
