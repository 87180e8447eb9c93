//! The retailer's account asked from the store: what it tells is journaled, how far it is known moves only behind the
//! journal, and an account or a disk that misbehaves loses nothing.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tillwire_agent::capture::cloud::{self, CloudReader};
use tillwire_agent::clock::Clock;
use tillwire_agent::journal::{AppendError, Appending, Sink, Taken};
use tillwire_agent_core::capture::heartland_retail::feed::Reads;
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::CloudSource;
use tillwire_e2e::sims::retail_cloud::{Account, Mishap};
use tillwire_proto::{
    Currency, Fact, LaneId, NoticeKind, RecordNumber, RegisterId, SegmentId, StoreId, Witness,
};
use tokio_util::sync::CancellationToken;

/// A journal in memory, whose next appends may fail.
#[derive(Debug, Default)]
struct Journal {
    held: Mutex<Vec<Captured>>,
    failures: Mutex<VecDeque<AppendError>>,
}

impl Sink for Journal {
    fn append(&self, captured: Captured) -> Appending<'_> {
        Box::pin(async move {
            if let Some(error) = self.failures.lock().unwrap().pop_front() {
                return Err(error);
            }
            let mut held = self.held.lock().unwrap();
            held.push(captured);
            Ok(Taken {
                segment: SegmentId([0; 16]),
                number: RecordNumber(held.len() as u64),
                already: false,
            })
        })
    }
}

impl Journal {
    fn facts(&self) -> Vec<Fact> {
        let held = self.held.lock().unwrap();
        held.iter().map(|captured| captured.fact.clone()).collect()
    }

    /// Numbers of the tickets that were journaled, each as often as it was.
    fn tickets(&self) -> Vec<String> {
        let facts = self.facts().into_iter();
        facts
            .filter_map(|fact| match fact {
                Fact::Transaction(transaction) => Some(transaction.key.ticket.to_string()),
                _ => None,
            })
            .collect()
    }

    fn distinct(&self) -> usize {
        self.tickets().into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// A box with a reader that runs, and the account.
struct InStore {
    dir: tempfile::TempDir,
    account: Account,
    journal: Arc<Journal>,
    settings: CloudSource,
    clock: Clock,
    stop: CancellationToken,
}

impl Drop for InStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl InStore {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let account = Account::new("good-token");
        let (address, _) = account.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let token_file = dir.path().join("token");
        std::fs::write(&token_file, "good-token\n").unwrap();
        Self {
            settings: CloudSource {
                lane: LaneId::new("heartland").unwrap(),
                url: format!("http://{address}/"),
                token_file,
                reads: BTreeSet::from([Reads::Tickets]),
                every: Duration::from_millis(20),
                pace: Duration::ZERO,
                overlap_s: 300,
                reread_days: 3,
            },
            dir,
            account,
            journal: Arc::default(),
            clock: Clock::new(None, 0),
            stop: CancellationToken::new(),
        }
    }

    /// Starts the reader, as the agent's start does.
    fn start(&mut self) {
        self.stop.cancel();
        self.stop = CancellationToken::new();
        let retail = HeartlandRetailSettings {
            store: StoreId::new("main").unwrap(),
            currency: Currency::USD,
            registers: BTreeMap::from([("100011".to_owned(), RegisterId::new("front").unwrap())]),
            locations: BTreeSet::from(["100004".to_owned()]),
            tenders: BTreeMap::new(),
            time: TimeRules::midnight(),
        };
        let (settings, journal) = (self.settings.clone(), Arc::clone(&self.journal));
        let reader = CloudReader::new(settings, retail, journal, self.dir.path(), self.clock.clone());
        tokio::spawn(reader.unwrap().run(self.stop.clone()));
    }

    async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if wanted(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came: {:?}", self.journal.facts());
    }

    /// Through when tickets are known, as it stands on disk.
    fn known(&self) -> Option<jiff::Timestamp> {
        let text = std::fs::read(self.dir.path().join("heartland.json")).ok()?;
        let told: Value = serde_json::from_slice(&text).unwrap();
        told["tickets"].as_str().map(|at| at.parse().unwrap())
    }
}

/// A ticket of the account, so many minutes old: one mug, paid in cash.
fn ticket(id: u64, minutes: i64) -> Value {
    let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - minutes * 60).unwrap();
    json!({ "id": id, "type": "Ticket", "public_id": id.to_string(), "status": "complete", "completed?": true,
        "voided?": false, "station_id": 100011, "source_location_id": 100004, "original_subtotal": 10.0,
        "total_discounts": 0, "subtotal": 10.0, "total_tax": 0, "total": 10.0, "total_paid": 10.0, "balance": 0,
        "updated_at": at.to_string(), "local_completed_at": "2026-11-24T10:32:16",
        "lines": [{ "id": 1, "type": "ItemLine", "description": "Mug", "value": 10.0, "item_public_id": "MUG", "qty": 1,
            "original_unit_price": 10.0, "unit_price": 10.0 }],
        "payments": [{ "id": 2, "type": "Payments::CashPayment", "description": "Cash", "deposit": true,
            "payment_type_id": 1, "status": "complete", "amount": 10.0 }] })
}

#[tokio::test]
async fn tickets_are_journaled_as_the_clouds_although_the_account_and_the_boxs_clock_misbehave() {
    let mut store = InStore::new().await;
    // the box believes that it is next year; the account does not
    store.clock = Clock::new(None, 300 * 24 * 3_600_000);
    for id in 1..=20 {
        store
            .account
            .put(ticket(id, 60 - i64::try_from(id).unwrap()))
            .unwrap();
    }
    let mut elsewhere = ticket(99, 5);
    elsewhere["source_location_id"] = json!(7);
    store.account.put(elsewhere).unwrap();
    store.account.page_max(7);
    store
        .account
        .goes_wrong([Mishap::Cut, Mishap::Touched(2), Mishap::Status(502)]);
    store.start();
    store.until(|store| store.journal.distinct() == 20).await;
    let held = store.journal.held.lock().unwrap();
    let sales = held
        .iter()
        .filter(|captured| matches!(captured.fact, Fact::Transaction(_)));
    assert!(
        sales
            .into_iter()
            .all(|captured| captured.witness == Witness::CloudPoll && !captured.raw.is_empty())
    );
}

#[tokio::test]
async fn what_is_known_moves_behind_the_journal_and_is_known_after_a_restart() {
    let mut store = InStore::new().await;
    for id in 1..=9 {
        store
            .account
            .put(ticket(id, 30 - i64::try_from(id).unwrap()))
            .unwrap();
    }
    // the disk is full at the fifth
    let taken = |_| AppendError::Busy;
    store.journal.failures.lock().unwrap().extend((0..3).map(taken));
    store.start();
    store
        .until(|store| store.journal.failures.lock().unwrap().is_empty() || store.known().is_some())
        .await;
    assert!(
        store.known().is_none() || store.journal.distinct() == 9,
        "nothing is called known before all of it is journaled"
    );
    store.until(|store| store.known().is_some()).await;
    assert_eq!(store.journal.distinct(), 9);
    store.stop.cancel();
    let known = store.known();
    // rung up while the box was off
    store.account.put(ticket(10, 1)).unwrap();
    store.start();
    store.until(|store| store.journal.distinct() == 10).await;
    store.until(|store| store.known() > known).await;
    // somebody's hand, or a card that forgets: the last days are read again
    store.stop.cancel();
    std::fs::write(store.dir.path().join("heartland.json"), "{\"tickets\": \"20").unwrap();
    store.account.put(ticket(11, 1)).unwrap();
    store.start();
    store.until(|store| store.journal.distinct() == 11).await;
}

#[tokio::test]
async fn refused_ticket_is_kept_once_and_a_silent_account_is_told_of() {
    let mut store = InStore::new().await;
    let mut wrong = ticket(1, 5);
    wrong["total"] = json!(11.0);
    wrong["customer_name"] = json!("card 4111 1111 1111 1111");
    store.account.put(wrong).unwrap();
    let mut open = ticket(2, 4);
    (open["status"], open["completed?"]) = (json!("incomplete"), json!(false));
    store.account.put(open).unwrap();
    store.settings.every = Duration::from_millis(5);
    store.start();
    store.until(|store| store.account.asked().len() > 12).await;
    let unreadable = |store: &InStore| {
        let held = store.journal.held.lock().unwrap();
        let kept = held
            .iter()
            .filter(|captured| matches!(captured.fact, Fact::Unreadable(_)));
        let kept: Vec<String> = kept
            .map(|captured| String::from_utf8(captured.raw.clone()).unwrap())
            .collect();
        kept
    };
    let kept = unreadable(&store);
    assert_eq!(kept.len(), 1, "however often it is offered");
    assert!(
        kept[0].contains("11.0") && !kept[0].contains("4111 1111"),
        "{}",
        kept[0]
    );
    let notices = |store: &InStore, kind: NoticeKind| {
        let facts = store.journal.facts().into_iter();
        let told = facts.filter_map(|fact| match fact {
            Fact::Notice(notice) if notice.kind == kind => Some(notice.text.to_string()),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(notices(&store, NoticeKind::CardData).len(), 1);
    store.account.takes_only("another-token");
    store
        .until(|store| {
            notices(store, NoticeKind::Source)
                .iter()
                .any(|told| told.contains("the token is not taken"))
        })
        .await;
    assert!(store.journal.tickets().is_empty());
}

#[tokio::test]
async fn doctor_says_whether_the_account_takes_the_token_and_shows_what_is_to_be_read() {
    let mut store = InStore::new().await;
    let registers = [
        ("100011".to_owned(), RegisterId::new("front").unwrap()),
        ("4c6b2c5e-0d3f".to_owned(), RegisterId::new("front").unwrap()),
    ];
    let retail = HeartlandRetailSettings {
        store: StoreId::new("main").unwrap(),
        currency: Currency::USD,
        registers: registers.into(),
        locations: BTreeSet::from(["100004".to_owned()]),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    };
    store.settings.reads = BTreeSet::from([Reads::Tickets, Reads::Orders]);
    let check = async || match cloud::check(&store.settings, &retail, store.clock.clone()).await {
        Ok(words) => words,
        Err(error) => format!("{error:#}"),
    };
    assert_eq!(check().await, "2 lists");
    store
        .account
        .goes_wrong([Mishap::Touched(99), Mishap::Status(503)]);
    let words = check().await;
    assert!(
        words.contains("503") && words.contains("reachable from here"),
        "{words}"
    );
    store.account.takes_only("another");
    assert!(check().await.contains("the token is not taken"));
}

#[tokio::test]
async fn address_that_is_none_is_refused_at_the_start() {
    for url in [
        "acme.example",
        "http://acme.example",
        "ftp://acme.example",
        "https://user@acme.example",
        "https://acme.example/api",
    ] {
        let mut store = InStore::new().await;
        store.settings.url = url.to_owned();
        let retail = HeartlandRetailSettings {
            store: StoreId::new("main").unwrap(),
            currency: Currency::USD,
            registers: BTreeMap::new(),
            locations: BTreeSet::new(),
            tenders: BTreeMap::new(),
            time: TimeRules::midnight(),
        };
        let journal = Arc::clone(&store.journal);
        let refused = CloudReader::new(
            store.settings.clone(),
            retail,
            journal,
            store.dir.path(),
            store.clock.clone(),
        );
        let words = format!("{:#}", refused.unwrap_err());
        assert!(words.contains("wanted an address such as"), "{url}: {words}");
    }
}
