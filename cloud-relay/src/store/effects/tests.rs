use super::*;
use crate::clock::Clock;
use crate::store::StoreOptions;

const NOW: i64 = 1_800_000_000_000;

fn posting(key: &str) -> NewEffect {
    NewEffect {
        key: key.to_owned(),
        company: "acme/1".to_owned(),
        tenant: TenantId::new("acme").unwrap(),
        store: StoreId::new("s1").unwrap(),
        day: Some("2026-11-14".parse().unwrap()),
        kind: "journal-entry".to_owned(),
        payload: "{\"lines\":[]}".to_owned(),
    }
}

async fn world() -> (tempfile::TempDir, Store, Effects, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::standing(NOW);
    let options = StoreOptions {
        clock: clock.clone(),
        ..StoreOptions::at(dir.path().join("relay.db"))
    };
    let store = Store::open(&options).unwrap();
    (dir, store.clone(), Effects::of(store), clock)
}

async fn intend_now(store: &Store, effect: NewEffect) -> Result<bool, StoreError> {
    store.write(move |unit| intend(unit, &effect, NOW)).await
}

#[tokio::test]
async fn effect_goes_from_intent_to_done_with_what_odoo_holds() {
    let (_dir, store, effects, _) = world().await;
    assert!(intend_now(&store, posting("tillwire.j_1")).await.unwrap());
    let lease = effects.lease("acme/1", "a", 60_000).await.unwrap().unwrap();
    let due = effects.next_due("acme/1").await.unwrap().unwrap();
    assert_eq!((due.state, due.attempts), (EffectState::Intent, 0));
    effects.mark_sent(&lease, &due.effect.key).await.unwrap();
    let held = Held {
        odoo_id: 42,
        odoo_name: Some("MISC/1".to_owned()),
        readback: "{}".to_owned(),
    };
    effects.mark_done(&lease, &due.effect.key, held).await.unwrap();
    let done = effects.get("tillwire.j_1").await.unwrap().unwrap();
    assert_eq!(
        (done.state, done.attempts, done.odoo_id),
        (EffectState::Done, 1, Some(42))
    );
    assert_eq!(effects.next_due("acme/1").await.unwrap(), None);
    assert!(
        effects.mark_sent(&lease, "tillwire.j_1").await.is_err(),
        "what is done stays done"
    );
}

#[tokio::test]
async fn same_intent_twice_is_one_and_other_content_is_refused() {
    let (_dir, store, _, _) = world().await;
    assert!(intend_now(&store, posting("k")).await.unwrap());
    assert!(!intend_now(&store, posting("k")).await.unwrap());
    let other = NewEffect {
        payload: "{}".to_owned(),
        ..posting("k")
    };
    assert!(matches!(
        intend_now(&store, other).await,
        Err(StoreError::Refused(_))
    ));
}

#[tokio::test]
async fn poster_whose_lease_was_taken_over_writes_nothing() {
    let (_dir, store, effects, clock) = world().await;
    intend_now(&store, posting("k")).await.unwrap();
    let old = effects.lease("acme/1", "old", 1000).await.unwrap().unwrap();
    assert_eq!(effects.lease("acme/1", "new", 1000).await.unwrap(), None);
    clock.set(NOW + 2000);
    let new = effects.lease("acme/1", "new", 1000).await.unwrap().unwrap();
    assert!(new.fence > old.fence);
    assert!(matches!(
        effects.mark_sent(&old, "k").await,
        Err(StoreError::Fenced { .. })
    ));
    effects.mark_sent(&new, "k").await.unwrap();
}

#[tokio::test]
async fn holder_that_comes_back_in_time_keeps_its_fence() {
    let (_dir, _store, effects, clock) = world().await;
    let first = effects.lease("c", "a", 1000).await.unwrap().unwrap();
    clock.set(NOW + 500);
    assert_eq!(
        effects.lease("c", "a", 1000).await.unwrap().unwrap().fence,
        first.fence
    );
    effects.release(first.clone()).await.unwrap();
    assert_eq!(
        effects.lease("c", "b", 1000).await.unwrap().unwrap().fence,
        first.fence + 1
    );
}

#[tokio::test]
async fn unknown_waits_for_its_time_and_keeps_its_place_in_line() {
    let (_dir, store, effects, clock) = world().await;
    intend_now(&store, posting("first")).await.unwrap();
    intend_now(&store, posting("second")).await.unwrap();
    let lease = effects.lease("acme/1", "a", 60_000).await.unwrap().unwrap();
    effects.mark_sent(&lease, "first").await.unwrap();
    effects
        .mark_unknown(&lease, "first", "no answer within 90 s", NOW + 5000)
        .await
        .unwrap();
    assert_eq!(
        effects.next_due("acme/1").await.unwrap().unwrap().effect.key,
        "second"
    );
    clock.set(NOW + 5000);
    assert_eq!(
        effects.next_due("acme/1").await.unwrap().unwrap().effect.key,
        "first"
    );
}

#[tokio::test]
async fn rejected_effect_is_looked_up_again_when_a_person_says_so() {
    let (_dir, store, effects, _) = world().await;
    intend_now(&store, posting("k")).await.unwrap();
    let lease = effects.lease("acme/1", "a", 60_000).await.unwrap().unwrap();
    assert!(
        effects.retry("k").await.is_err(),
        "only what was rejected is put back"
    );
    effects
        .mark_rejected(&lease, "k", "the period is locked")
        .await
        .unwrap();
    assert_eq!(effects.next_due("acme/1").await.unwrap(), None);
    effects.retry("k").await.unwrap();
    assert_eq!(
        effects.next_due("acme/1").await.unwrap().unwrap().state,
        EffectState::Unknown
    );
}
