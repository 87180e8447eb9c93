//! Days that Odoo has locked, for both policies.

use tillwire_relay_core::odoo::{EffectKey, JournalEntry, LockDates};
use tillwire_relay_core::settings::{Corrections, LatePolicy, RelaySettings};

use super::*;

/// What Odoo says about locks; nothing while it does not answer.
#[derive(Debug, Clone, Copy)]
struct Locks(Option<LockDates>);

impl Stockroom for Locks {
    async fn resolve(&self, _: &StoreSettings, _: &BTreeSet<Goods>) -> Option<ResolvedStock> {
        None
    }

    async fn locks(&self, _: &StoreSettings) -> Option<LockDates> {
        self.0
    }
}

fn until(last: &str) -> Locks {
    Locks(Some(LockDates {
        all: Some(day(last)),
        ..LockDates::default()
    }))
}

fn with(late: LatePolicy, corrections: Corrections) -> Arc<RelaySettings> {
    let mut store = settings().store(&tenant(), &store_id()).unwrap().clone();
    (store.odoo.late, store.odoo.corrections) = (late, corrections);
    Arc::new(RelaySettings::new([store]).unwrap())
}

impl World {
    async fn look(&self, settings: &Arc<RelaySettings>, locks: Locks, now_ms: i64) {
        self.relay.store.clock().set(now_ms);
        let stage = Days::new(
            self.relay.store.clone(),
            Arc::clone(settings),
            locks,
            Pace::default(),
        );
        stage.step().await.unwrap();
    }

    async fn booked(&self) -> Vec<JournalEntry> {
        let effects = self.effects().await.into_iter();
        effects
            .filter_map(|effect| match effect.payload {
                Payload::JournalEntry(entry) => Some(entry),
                _ => None,
            })
            .collect()
    }
}

#[tokio::test]
async fn an_open_day_is_dated_by_itself() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::Hold, Corrections::Difference);
    world.look(&settings, until("2027-01-13"), OVER).await;
    let entries = world.booked().await;
    assert_eq!(entries[0].date, day(DAY));
    assert_eq!(entries[0].lines[0].label, "Cash");
}

#[tokio::test]
async fn a_locked_day_is_dated_on_the_next_open_one_and_its_lines_say_so() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::NextOpenDay, Corrections::Difference);
    world.look(&settings, until("2027-01-31"), OVER).await;
    let entries = world.booked().await;
    assert_eq!(entries[0].date, day("2027-02-01"));
    assert_eq!(entries[0].lines[0].label, "Cash (2027-01-14)");
    assert!(entries[0].reference.contains(DAY), "{}", entries[0].reference);
}

#[tokio::test]
async fn a_locked_day_that_is_to_wait_waits_for_a_signature_and_names_the_lock() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::Hold, Corrections::Difference);
    world.look(&settings, until("2027-01-31"), OVER).await;
    assert!(world.booked().await.is_empty());
    assert_eq!(world.kinds().await, [ExceptionKind::LockedPeriod]);
    let open = |db: &rusqlite::Connection| exceptions::list(db, &Filter::default());
    let held = world.relay.store.read(open).await.unwrap().remove(0);
    let words = &held.draft.detail;
    assert!(
        words.contains("fiscalyear_lock_date") && words.contains("2027-01-31"),
        "{words}"
    );
    assert_eq!(world.row().await.blockers, 1);

    assert!(held.draft.waits_for_signature());
    let sign = move |unit: &mut crate::store::Unit<'_>| {
        unit.db.execute(
            "INSERT INTO signatures (tenant, store, day, cause, decision, by, reason, at_ms) \
             VALUES (?1, ?2, ?3, ?4, '\"go-on\"', 'mara', 'the accountant knows', ?5)",
            rusqlite::params![
                tenant().as_str(),
                store_id().as_str(),
                day(DAY).days_since_epoch(),
                held.draft.cause.as_str(),
                OVER
            ],
        )?;
        days::touch_all(unit, None)
    };
    world.relay.store.write(sign).await.unwrap();
    world.look(&settings, until("2027-01-31"), OVER + 1).await;
    assert_eq!(world.booked().await[0].date, day("2027-02-01"));
    assert!(world.kinds().await.is_empty(), "{:?}", world.kinds().await);
}

#[tokio::test]
async fn a_period_that_is_opened_again_lets_its_day_go_as_it_is() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::Hold, Corrections::Difference);
    world.look(&settings, until("2027-01-31"), OVER).await;
    let touch = |unit: &mut crate::store::Unit<'_>| days::touch_all(unit, None);
    world.relay.store.write(touch).await.unwrap();
    world.look(&settings, until("2026-12-31"), OVER + 1).await;
    assert_eq!(world.booked().await[0].date, day(DAY));
    assert!(world.kinds().await.is_empty());
}

#[tokio::test]
async fn nothing_is_dated_while_odoo_does_not_say_what_is_locked() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::NextOpenDay, Corrections::Difference);
    world.look(&settings, Locks(None), OVER).await;
    assert!(world.booked().await.is_empty());
    world.look(&settings, until("2026-12-31"), OVER + 5_000).await;
    assert_eq!(world.booked().await.len(), 1, "it is asked again soon");
}

#[tokio::test]
async fn a_correction_in_a_locked_period_is_a_reversal_and_a_replacement_on_the_open_day() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::NextOpenDay, Corrections::ReverseAndReplace);
    world.look(&settings, until("2026-12-31"), OVER).await;
    world.sell("2", "B", 250).await;
    world.look(&settings, until("2027-01-31"), OVER + 1).await;
    let entries = world.booked().await;
    assert_eq!(entries.len(), 3);
    let of = |revision| EffectKey::journal(&tenant(), &store_id(), day(DAY), revision);
    assert_eq!(entries[0].date, day(DAY), "what stands is not touched");
    assert_eq!(
        (entries[1].date, &entries[1].reverses),
        (day("2027-02-01"), &Some(of(1)))
    );
    assert_eq!(
        (entries[2].date, &entries[2].reverses),
        (day("2027-02-01"), &None)
    );
    let cash = |entry: &JournalEntry| entry.lines[0].amount.minor();
    assert_eq!(entries.iter().map(cash).collect::<Vec<_>>(), [500, -500, 750]);
    // looking again reverses nothing again
    let touch = |unit: &mut crate::store::Unit<'_>| days::touch_all(unit, None);
    world.relay.store.write(touch).await.unwrap();
    world.look(&settings, until("2027-01-31"), OVER + 2).await;
    assert_eq!(world.booked().await.len(), 3);
}

#[tokio::test]
async fn every_cent_of_a_reversal_leads_to_the_tickets_of_what_it_takes_back() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let settings = with(LatePolicy::NextOpenDay, Corrections::ReverseAndReplace);
    world.look(&settings, until("2026-12-31"), OVER).await;
    world.sell("2", "B", 250).await;
    world.look(&settings, until("2026-12-31"), OVER + 1).await;
    for entry in world.booked().await {
        let key = entry.key.clone();
        let parts = world
            .relay
            .store
            .read(move |db| crate::store::parts::get(db, key.as_str()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(parts.rest, [], "{}", entry.reference);
        let sum: i64 = parts
            .of
            .iter()
            .filter(|part| part.amount.minor() > 0)
            .map(|p| p.amount.minor())
            .sum();
        assert_eq!(
            Some(sum),
            entry.total().map(|total| total.minor()),
            "{}",
            entry.reference
        );
    }
}
