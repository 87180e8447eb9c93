use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tillwire_proto::{AuthCode, Body, CardBrand, CardFacts, EntryMode, Fact, Observation, TenderKind};
use tillwire_relay_core::odoo::EffectState;
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};

use super::*;
use crate::days::{Days, NoStock, Pace};
use crate::store::effects::Effects;
use crate::store::exceptions::Filter;
use crate::testing::{Device, NOW, Relay, Segment, day, options, sale, store_id, tenant};
use crate::understand::Understanding;

const DAY: &str = "2027-01-14";
/// After the cut-off and its hour of grace: 2027-01-15T12:00:00Z.
const OVER: i64 = NOW + 4 * 3_600_000;
const CLEARING: &str = "101601";

fn settings(settlement: &str) -> Arc<RelaySettings> {
    let draft: StoreDraft = toml::from_str(&format!(
        r#"
        tenant = "acme"
        store = "s01"
        time_zone = "America/Chicago"
        registers = ["till-1"]
        merchants = ["101023947262"]
        [odoo]
        company = "Acme"
        journal = "TILL"
        warehouse = "S01"
        [odoo.accounts]
        tender = {{ cash = "101501", card = "{CLEARING}" }}
        revenue = "400000"
        settlement = {{ {settlement} }}
        "#
    ))
    .unwrap();
    Arc::new(RelaySettings::new([draft.check().unwrap()]).unwrap())
}

fn all_accounts() -> Arc<RelaySettings> {
    settings(r#"bank = "101403", fee = "620001", chargeback = "121500""#)
}

struct World {
    _dir: tempfile::TempDir,
    relay: Relay,
    device: Device,
    segment: Segment,
    settings: Arc<RelaySettings>,
}

async fn world(settings: Arc<RelaySettings>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let segment = device.segment(1, None);
    World {
        _dir: dir,
        relay,
        device,
        segment,
        settings,
    }
}

/// A sale paid by card, with its approval code.
fn card_sale(ticket: &str, cents: i64, code: &str) -> Observation {
    let mut told = sale(DAY, ticket, "A", cents);
    let Fact::Transaction(transaction) = &mut told.fact else {
        unreachable!("a sale is a transaction")
    };
    let Body::Trade(trade) = &mut transaction.body else {
        unreachable!("a sale is a trade")
    };
    trade.tenders[0].kind = TenderKind::Card;
    trade.tenders[0].card = Some(CardFacts {
        brand: CardBrand::Visa,
        last4: None,
        entry_mode: EntryMode::Chip,
        auth_code: Some(AuthCode::new(code).unwrap()),
        reference: None,
        token: None,
    });
    told
}

impl World {
    async fn tell(&mut self, told: &Observation) {
        self.segment.tell(told);
        let last = self.segment.last().0;
        let batch = self.segment.batch(last, last);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
        let understanding = Understanding::new(self.relay.store.clone(), Arc::clone(&self.settings));
        understanding.step().await.unwrap();
    }

    /// Days and settlement are looked at until nothing changes any more.
    async fn settle_down(&self) {
        self.relay.store.clock().set(OVER);
        for _ in 0..4 {
            let stage = Days::new(
                self.relay.store.clone(),
                Arc::clone(&self.settings),
                NoStock,
                Pace::default(),
            );
            stage.step().await.unwrap();
        }
    }

    async fn import(&self, report: &str) -> Result<Imported> {
        let file = (Path::new("report"), report.as_bytes());
        let imported = import(&self.relay.store, &self.settings, &tenant(), file, "ann").await;
        self.settle_down().await;
        imported
    }

    /// Everything that was asked of Odoo is there and equal.
    async fn odoo_agrees(&self) {
        let effects = Effects::of(self.relay.store.clone());
        let lease = effects.lease("acme/Acme", "test", 60_000).await.unwrap().unwrap();
        for state in [EffectState::Intent, EffectState::Sent] {
            for stored in effects.finished("acme/Acme", state).await.unwrap() {
                let done = Effect {
                    state: EffectState::Done,
                    ..stored.effect
                };
                effects.save(&lease, done).await.unwrap();
            }
        }
        self.settle_down().await;
    }

    async fn state(&self) -> String {
        let read = |db: &rusqlite::Connection| days::get(db, &tenant(), &store_id(), day(DAY));
        self.relay.store.read(read).await.unwrap().unwrap().state
    }

    /// Every entry that was asked for, by key: account to cents.
    async fn entries(&self) -> BTreeMap<String, Vec<(String, i64)>> {
        let effects = Effects::of(self.relay.store.clone());
        let mut all = BTreeMap::new();
        for state in [EffectState::Intent, EffectState::Done] {
            for stored in effects.finished("acme/Acme", state).await.unwrap() {
                let Payload::JournalEntry(entry) = stored.effect.payload else {
                    continue;
                };
                let lines = entry
                    .lines
                    .iter()
                    .map(|l| (l.account.to_string(), l.amount.minor()));
                all.insert(entry.key.to_string(), lines.collect());
            }
        }
        all
    }

    async fn balance(&self, account: &str) -> i64 {
        let entries = self.entries().await;
        let lines = entries.values().flatten();
        lines
            .filter(|(code, _)| code == account)
            .map(|(_, minor)| minor)
            .sum()
    }

    async fn exceptions(&self) -> Vec<(ExceptionKind, Option<i64>)> {
        let open = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await
            .unwrap();
        let shown = |one: exceptions::StoredException| (one.draft.kind, one.draft.at_risk.map(|a| a.minor()));
        open.into_iter().map(shown).collect()
    }

    async fn rows(&self) -> i64 {
        let count = |db: &rusqlite::Connection| {
            let sql = "SELECT (SELECT count(*) FROM settlement_reports) + (SELECT count(*) FROM settlement_lines) \
                       + (SELECT count(*) FROM settlement_deposits)";
            Ok(db.query_row(sql, [], |row| row.get(0))?)
        };
        self.relay.store.read(count).await.unwrap()
    }
}

fn transaction(id: &str, ticket: &str, cents: i64, code: &str) -> serde_json::Value {
    json!({
        "id": id, "status": "FUNDED", "type": "SALE", "amount": cents.to_string(), "currency": "USD",
        "reference": ticket, "time_created_reference": format!("{DAY}T10:32:12"), "deposit_id": "DEP1",
        "system": { "mid": "101023947262" },
        "payment_method": { "card": {
            "brand": "VISA", "authcode": code, "arn": format!("7400000000000000000{ticket}"),
            "masked_number_first6last4": "411111XXXXXX1111",
        } },
    })
}

fn sum(cents: i64) -> serde_json::Value {
    json!({ "amount": cents.to_string() })
}

fn deposit(id: &str, sales: i64, chargebacks: i64, fees: i64) -> serde_json::Value {
    let net = sales - chargebacks - fees;
    json!({
        "id": id, "time_created": "2027-01-16", "status": "FUNDED", "currency": "USD",
        "funding_type": if net < 0 { "DEBIT" } else { "CREDIT" }, "amount": net.abs().to_string(),
        "system": { "mid": "101023947262" }, "sales": sum(sales), "refunds": sum(0), "fees": sum(fees),
        "disputes": { "chargebacks": sum(chargebacks), "reversals": sum(0) },
    })
}

fn page(transactions: &[serde_json::Value], deposits: &[serde_json::Value]) -> String {
    json!({ "transactions": transactions, "deposits": deposits }).to_string()
}

async fn sold_two() -> World {
    let mut world = world(all_accounts()).await;
    world.tell(&card_sale("7", 8000, "05231A")).await;
    world.tell(&card_sale("8", 5000, "77100B")).await;
    world.settle_down().await;
    world
}

fn both() -> [serde_json::Value; 2] {
    [
        transaction("T1", "7", 8000, "05231A"),
        transaction("T2", "8", 5000, "77100B"),
    ]
}

#[tokio::test]
async fn a_day_posts_to_clearing_its_deposit_empties_it_and_a_chargeback_opens_exactly_its_amount() {
    let world = sold_two().await;
    assert_eq!(world.balance(CLEARING).await, 13_000);
    world.odoo_agrees().await;
    assert_eq!(world.state().await, "Posted");

    let report = page(&both(), &[deposit("DEP1", 13_000, 0, 194)]);
    assert_eq!(world.import(&report).await.unwrap().new, 3);
    assert_eq!(world.state().await, "Posted", "the deposit is not in Odoo yet");
    assert!(world.import(&report).await.unwrap().known_file);
    world.odoo_agrees().await;
    assert_eq!(world.state().await, "Settled");
    assert_eq!(world.balance(CLEARING).await, 0, "clearing nets out");
    assert_eq!(world.balance("101403").await, 12_806);
    assert_eq!(world.balance("620001").await, 194);
    assert_eq!(
        world.entries().await.len(),
        2,
        "one entry of the day, one of the deposit"
    );
    assert_eq!(world.exceptions().await, []);

    let dispute = json!({
        "id": "DIS1", "status": "FUNDED", "stage": "CHARGEBACK", "amount": "3000", "currency": "USD",
        "deposit_id": "DEP2", "system": { "mid": "101023947262" },
        "payment_method": { "card": { "brand": "VISA", "arn": "74000000000000000007" } },
    });
    let taken = json!({ "disputes": [dispute], "deposits": [deposit("DEP2", 0, 3000, 1500)] }).to_string();
    world.import(&taken).await.unwrap();
    world.odoo_agrees().await;
    assert_eq!(world.state().await, "Posted", "open again");
    assert_eq!(world.exceptions().await, [(ExceptionKind::Disputed, Some(3000))]);
    assert_eq!(
        world.balance(CLEARING).await,
        0,
        "what is disputed is owed by the cardholder's bank"
    );
    assert_eq!(world.balance("121500").await, 3000);
    assert_eq!(world.balance("101403").await, 12_806 - 4500);
}

#[tokio::test]
async fn no_order_of_reports_changes_the_entry() {
    let mut told = Vec::new();
    let parts = [
        page(&both()[..1], &[]),
        page(&both()[1..], &[]),
        page(&[], &[deposit("DEP1", 13_000, 0, 194)]),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let world = sold_two().await;
        for part in order {
            world.import(&parts[part]).await.unwrap();
        }
        assert_eq!(world.exceptions().await, [], "{order:?}");
        told.push(world.entries().await);
    }
    assert_eq!(told[0].len(), 2);
    assert!(told[0].contains_key("tillwire.d_acme_s01_DEP1_r1"), "{told:?}");
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

#[tokio::test]
async fn a_report_comes_before_the_tickets_that_it_pays() {
    let mut world = world(all_accounts()).await;
    world
        .import(&page(&both()[..1], &[deposit("DEP1", 8000, 0, 0)]))
        .await
        .unwrap();
    let unmatched = (ExceptionKind::SettlementUnmatched, Some(8000));
    assert_eq!(world.exceptions().await, [unmatched]);
    assert_eq!(
        world.balance(CLEARING).await,
        -8000,
        "the money is there, whoever it is from"
    );
    world.tell(&card_sale("7", 8000, "05231A")).await;
    world.settle_down().await;
    world.odoo_agrees().await;
    assert_eq!(world.exceptions().await, []);
    assert_eq!(world.balance(CLEARING).await, 0);
    assert_eq!(world.state().await, "Settled");
}

#[tokio::test]
async fn a_deposit_waits_for_lines_and_is_named_with_its_money() {
    let world = sold_two().await;
    world
        .import(&page(&both()[..1], &[deposit("DEP1", 13_000, 0, 194)]))
        .await
        .unwrap();
    assert_eq!(
        world.exceptions().await,
        [(ExceptionKind::DepositHeld, Some(12_806))]
    );
    assert_eq!(world.balance("101403").await, 0);
    world.import(&page(&both()[1..], &[])).await.unwrap();
    assert_eq!(world.exceptions().await, []);
    assert_eq!(world.balance("101403").await, 12_806);
}

#[tokio::test]
async fn a_missing_account_holds_the_deposit_until_the_mapping_has_it() {
    let mut world = sold_two().await;
    world.settings = settings(r#"bank = "101403""#);
    world
        .import(&page(&both(), &[deposit("DEP1", 13_000, 0, 194)]))
        .await
        .unwrap();
    assert_eq!(
        world.exceptions().await,
        [(ExceptionKind::MissingAccount, Some(12_806))]
    );
    world.settings = all_accounts();
    // what a start of the relay and a new mapping do
    world
        .relay
        .store
        .write(|unit| days::touch_open(unit))
        .await
        .unwrap();
    world.settle_down().await;
    assert_eq!(world.exceptions().await, []);
    assert_eq!(world.balance("620001").await, 194);
}

#[tokio::test]
async fn a_report_is_stored_whole_or_not_at_all() {
    let world = sold_two().await;
    world.import(&page(&both()[..1], &[])).await.unwrap();
    let before = world.rows().await;
    let contradiction = transaction("T1", "7", 8001, "05231A");
    let error = world
        .import(&page(&[both()[1].clone(), contradiction], &[]))
        .await
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("sale T1 was reported as 80.00 USD"),
        "{error:#}"
    );
    let mut stranger = both()[1].clone();
    stranger["system"]["mid"] = json!("999");
    let error = world
        .import(&page(&[stranger], &[]))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "merchant 999 belongs to no store of acme; add it to `merchants` of the [[store]]"
    );
    let mut euros = both()[1].clone();
    euros["currency"] = json!("EUR");
    let error = world.import(&page(&[euros], &[])).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "found EUR for merchant 101023947262, wanted USD, the currency of store s01"
    );
    assert_eq!(
        world.rows().await,
        before,
        "nothing of a refused report is stored"
    );
}

#[tokio::test]
async fn nothing_of_a_card_but_its_last_digits_reaches_the_disk() {
    let world = sold_two().await;
    let mut named = both()[0].clone();
    named["payment_method"]["name"] = json!("JANE DOE");
    world.import(&page(&[named], &[])).await.unwrap();
    let dump = |db: &rusqlite::Connection| {
        let sql = "SELECT (SELECT group_concat(CAST(bytes AS TEXT)) FROM settlement_reports) || \
                   (SELECT group_concat(line) FROM settlement_lines)";
        Ok(db.query_row(sql, [], |row| row.get::<_, String>(0))?)
    };
    let kept = world.relay.store.read(dump).await.unwrap();
    assert!(
        kept.contains("1111") && !kept.contains("411111") && !kept.contains("JANE"),
        "{kept}"
    );
    let whole = page(&both(), &[]).replace("411111XXXXXX1111", "4111111111111111");
    let error = world.import(&whole).await.unwrap_err().to_string();
    assert!(
        error.contains("whole card number") && !error.contains("4111"),
        "{error}"
    );
}

#[tokio::test]
async fn a_sale_taken_back_later_leaves_its_settlement_without_a_tender() {
    let mut world = sold_two().await;
    world
        .import(&page(&both(), &[deposit("DEP1", 13_000, 0, 0)]))
        .await
        .unwrap();
    world.odoo_agrees().await;
    assert_eq!(world.state().await, "Settled");
    // the POS corrects ticket 8: it was never paid by card
    let mut cash = sale(DAY, "8", "A", 5000);
    let Fact::Transaction(transaction) = &mut cash.fact else {
        unreachable!("a sale is a transaction")
    };
    transaction.key.revision = 1;
    world.tell(&cash).await;
    world.settle_down().await;
    assert_eq!(
        world.exceptions().await,
        [(ExceptionKind::SettlementUnmatched, Some(5000))]
    );
    world.odoo_agrees().await;
    assert_eq!(
        world.balance(CLEARING).await,
        -5000,
        "paid out, and no tender for it"
    );
}
