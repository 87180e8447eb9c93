use tillwire_proto::{Body, Code, Fact, Observation, TenderKind};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::Payload;

use super::*;
use crate::days::{Days, NoStock, Pace};
use crate::store::exceptions::{self, Filter};
use crate::testing::{Device, NOW, Relay, Segment, day, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

const DAY: &str = "2027-01-14";
/// After the cut-off and its hour of grace.
const OVER: i64 = NOW + 4 * 3_600_000;

const EBAY: &str = r#"
[[version]]
number = 2
effective = "2027-01-01"
author = "anna"
note = "a marketplace"
[version.all.tender]
EBAY = "101790"
"#;

struct World {
    _dir: tempfile::TempDir,
    relay: Relay,
    device: Device,
    segment: Segment,
    in_force: InForce,
}

async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let segment = device.segment(1, None);
    World {
        _dir: dir,
        relay,
        device,
        segment,
        in_force: InForce::from(settings()),
    }
}

fn paid_by_ebay(ticket: &str, cents: i64) -> Observation {
    let mut told = sale(DAY, ticket, "A1", cents);
    if let Fact::Transaction(transaction) = &mut told.fact
        && let Body::Trade(trade) = &mut transaction.body
    {
        trade.tenders[0].kind = TenderKind::Other(Code::new("EBAY").unwrap());
    }
    told
}

fn file(text: &str) -> MappingFile {
    MappingFile::read(text.to_owned(), "mapping.toml").unwrap()
}

impl World {
    async fn tell(&mut self, told: &Observation) {
        self.segment.tell(told);
        let last = self.segment.last().0;
        let batch = self.segment.batch(last, last);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
        let understanding = Understanding::new(self.relay.store.clone(), settings());
        understanding.step().await.unwrap();
    }

    /// A look with the stage that a running relay has: it knows only what was in force when it began.
    async fn look(&self) {
        self.relay.store.clock().set(OVER);
        let stage = Days::new(
            self.relay.store.clone(),
            self.in_force.clone(),
            NoStock,
            Pace::default(),
        );
        stage.step().await.unwrap();
    }

    async fn put(&self, text: &str) {
        put(
            &self.relay.store,
            &self.in_force,
            &file(text),
            "anna",
            "test".into(),
        )
        .await
        .unwrap();
    }

    async fn preview(&self, text: &str) -> Vec<StorePreview> {
        let now = self.in_force.now();
        let then = now.with_mapping(Some(&file(text).draft)).unwrap();
        let look = move |db: &rusqlite::Connection| preview(db, &now, &then, OVER);
        self.relay.store.read(look).await.unwrap()
    }

    /// Account and minor units of every posting, in order.
    async fn entries(&self) -> Vec<Vec<(String, i64)>> {
        let of_day =
            |db: &rusqlite::Connection| crate::store::effects::of_day(db, &tenant(), &store_id(), day(DAY));
        let all = self.relay.store.read(of_day).await.unwrap();
        let entries = all.into_iter().filter_map(|stored| match stored.effect.payload {
            Payload::JournalEntry(entry) => Some(entry),
            _ => None,
        });
        let lines = entries.map(|entry| {
            let line =
                |line: &tillwire_relay_core::odoo::EntryLine| (line.account.to_string(), line.amount.minor());
            entry.lines.iter().map(line).collect()
        });
        lines.collect()
    }

    async fn open(&self) -> Vec<ExceptionKind> {
        let all = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await;
        all.unwrap().into_iter().map(|stored| stored.draft.kind).collect()
    }

    async fn audited(&self, what: &'static str) -> i64 {
        let count = move |db: &rusqlite::Connection| {
            Ok(
                db.query_row("SELECT count(*) FROM audit WHERE what = ?1", [what], |row| {
                    row.get(0)
                })?,
            )
        };
        self.relay.store.read(count).await.unwrap()
    }
}

fn line(account: &str, minor: i64) -> (String, i64) {
    (account.to_owned(), minor)
}

#[tokio::test]
async fn one_row_lets_every_ticket_of_its_cause_go_in_a_running_relay() {
    let mut world = world().await;
    world.tell(&sale(DAY, "1", "A1", 700)).await;
    world.tell(&paid_by_ebay("2", 1000)).await;
    world.tell(&paid_by_ebay("3", 300)).await;
    world.look().await;
    assert_eq!(world.open().await, [ExceptionKind::UnknownTender]);
    let [shown] = world.preview(EBAY).await.try_into().unwrap();
    let tickets = shown.tickets;
    assert_eq!((tickets.posts, tickets.amends, tickets.skips), (2, 0, 1));
    assert_eq!(
        shown.clears.keys().collect::<Vec<_>>(),
        ["unknown-tender:tender.EBAY"]
    );
    assert_eq!(shown.revisions, [day(DAY)]);
    let sums: Vec<String> = shown
        .accounts
        .iter()
        .map(|(account, (was, is))| format!("{account} {was} {is}"))
        .collect();
    assert!(sums.contains(&"101790 0.00 USD 13.00 USD".to_owned()), "{sums:?}");
    assert_eq!(world.entries().await.len(), 1, "a preview changes nothing");

    world.put(EBAY).await;
    world.look().await;
    assert_eq!(world.open().await, []);
    let entries = world.entries().await;
    assert_eq!(entries.len(), 2);
    assert!(entries[1].contains(&line("101790", 1300)), "{entries:?}");
    assert_eq!(world.audited("mapping put in force").await, 1);
    assert_eq!(
        world.audited("mapping version first used").await,
        2,
        "version 1, then version 2"
    );
    assert!(
        world.preview(EBAY).await.is_empty(),
        "it is in force: nothing would change"
    );
}

#[tokio::test]
async fn a_version_that_changes_after_days_were_posted_with_it_is_called_out_and_revises_them() {
    let mut world = world().await;
    world.put(EBAY).await;
    world.tell(&paid_by_ebay("1", 1000)).await;
    world.look().await;
    let moved = EBAY.replace("101790", "101791");
    let [shown] = world.preview(&moved).await.try_into().unwrap();
    assert_eq!(shown.changed_versions, [2]);
    assert_eq!((shown.tickets.posts, shown.tickets.amends), (0, 1));
    assert_eq!(shown.revisions, [day(DAY)]);
    world.put(&moved).await;
    world.look().await;
    let entries = world.entries().await;
    assert_eq!(entries[1], [line("101790", -1000), line("101791", 1000)]);
    assert_eq!(world.audited("mapping version used with changed rows").await, 1);
}

#[tokio::test]
async fn a_version_for_later_days_leaves_earlier_days_alone() {
    let mut world = world().await;
    world.put(EBAY).await;
    world.tell(&paid_by_ebay("1", 1000)).await;
    world.look().await;
    let later = format!(
        "{EBAY}\n[[version]]\nnumber = 3\neffective = \"2027-01-15\"\nauthor = \"anna\"\n[version.all.tender]\nEBAY = \
         \"101799\"\n"
    );
    let [shown] = world.preview(&later).await.try_into().unwrap();
    assert_eq!(shown.from, Some(day("2027-01-15")));
    assert_eq!((shown.days, shown.revisions.len()), (0, 0));
    world.put(&later).await;
    world.look().await;
    assert_eq!(world.entries().await.len(), 1);
}

#[tokio::test]
async fn a_configured_file_comes_into_force_once_and_an_earlier_one_does_not_come_back() {
    let world = world().await;
    let store = &world.relay.store;
    let config = |text: &str| {
        let (mut config, _) = Config::read("", "relay.toml", &|_| None).unwrap();
        config.stores = settings().with_mapping(Some(&file(text).draft)).unwrap();
        config.mapping = Some(file(text));
        config
    };
    at_start(&config(EBAY), store).await.unwrap();
    at_start(&config(EBAY), store).await.unwrap();
    assert_eq!(world.audited("mapping put in force").await, 1);
    let newer = EBAY.replace("101790", "101791");
    world.in_force.refresh(store).await.unwrap();
    world.put(&newer).await;
    let in_force = at_start(&config(EBAY), store).await.unwrap();
    assert_eq!(world.audited("mapping put in force").await, 2);
    let found = in_force.now();
    let mapping = found.store(&tenant(), &store_id()).unwrap().mapping_on(day(DAY));
    let ebay = TenderKind::Other(Code::new("EBAY").unwrap());
    assert_eq!(mapping.tender(&ebay, None).unwrap().account.as_str(), "101791");
}
