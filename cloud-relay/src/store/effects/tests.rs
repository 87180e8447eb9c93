use tillwire_proto::{Quantity, Sku};
use tillwire_relay_core::exception::{CauseKey, ExceptionKind};
use tillwire_relay_core::odoo::{
    Answer, Backoff, Direction, EffectKey, PickLine, Picking, Refusal, Seen, StepResult, Verdict,
};

use super::*;
use crate::clock::Clock;
use crate::store::StoreOptions;

const NOW: i64 = 1_800_000_000_000;
const BACKOFF: Backoff = Backoff {
    first_ms: 1000,
    most_ms: 60_000,
};

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn store_id() -> StoreId {
    StoreId::new("s1").unwrap()
}

fn movement(batch: u64, pieces: &str) -> NewEffect {
    let picking = Picking {
        key: EffectKey::picking(&tenant(), &store_id(), batch),
        name: format!("TW/s1/{batch}"),
        origin: "s1".to_owned(),
        direction: Direction::Out,
        lines: vec![PickLine {
            sku: Sku::new("A-1").unwrap(),
            quantity: Quantity::parse(pieces, tillwire_proto::Unit::Each).unwrap(),
            lot: None,
        }],
        kits: Vec::new(),
    };
    NewEffect {
        effect: Effect::intend(Payload::Picking(picking)),
        company: company(&tenant(), "Acme"),
        tenant: tenant(),
        store: store_id(),
        day: None,
        batch: Some(batch),
        source: "{}".to_owned(),
    }
}

struct World {
    _dir: tempfile::TempDir,
    store: Store,
    effects: Effects,
    clock: Clock,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::standing(NOW);
    let options = StoreOptions {
        clock: clock.clone(),
        ..StoreOptions::at(dir.path().join("relay.db"))
    };
    let store = Store::open(&options).unwrap();
    World {
        _dir: dir,
        effects: Effects::of(store.clone()),
        store,
        clock,
    }
}

impl World {
    async fn intend(&self, effect: NewEffect) -> Result<bool, StoreError> {
        self.store.write(move |unit| intend(unit, &effect, NOW)).await
    }

    async fn lease(&self, holder: &str) -> Option<Lease> {
        self.effects.lease("acme/Acme", holder, 60_000).await.unwrap()
    }

    async fn next(&self) -> Option<Effect> {
        self.effects
            .next_due("acme/Acme")
            .await
            .unwrap()
            .map(|stored| stored.effect)
    }

    /// One call with this result, committed before and after.
    async fn step(&self, lease: &Lease, result: StepResult) -> Effect {
        let calling = self.next().await.unwrap().calling().unwrap();
        self.effects.save(lease, calling.clone()).await.unwrap();
        let answered = calling.answered(result, self.clock.now_ms(), BACKOFF, 7).unwrap();
        self.effects.save(lease, answered.clone()).await.unwrap();
        answered
    }
}

#[tokio::test]
async fn effect_goes_to_done_and_is_never_due_again() {
    let world = world();
    assert!(world.intend(movement(1, "2")).await.unwrap());
    let lease = world.lease("a").await.unwrap();
    world.step(&lease, StepResult::Loaded(42)).await;
    let equal = Verdict {
        differences: Vec::new(),
    };
    world
        .step(&lease, StepResult::Seen(Seen::Draft(equal.clone())))
        .await;
    world.step(&lease, StepResult::Confirmed).await;
    let done = world.step(&lease, StepResult::Seen(Seen::Confirmed(equal))).await;
    assert_eq!((done.state, done.document), (EffectState::Done, Some(42)));
    assert_eq!(world.next().await, None);
    assert_eq!(
        world
            .effects
            .finished("acme/Acme", EffectState::Done)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn same_intent_twice_is_one_and_other_content_is_refused() {
    let world = world();
    assert!(world.intend(movement(1, "2")).await.unwrap());
    assert!(!world.intend(movement(1, "2")).await.unwrap());
    assert!(matches!(
        world.intend(movement(1, "3")).await,
        Err(StoreError::Refused(_))
    ));
}

#[tokio::test]
async fn poster_whose_lease_was_taken_over_writes_nothing() {
    let world = world();
    world.intend(movement(1, "2")).await.unwrap();
    let old = world.lease("old").await.unwrap();
    assert_eq!(world.lease("new").await, None);
    world.clock.set(NOW + 60_001);
    let new = world.lease("new").await.unwrap();
    assert!(new.fence > old.fence);
    let calling = world.next().await.unwrap().calling().unwrap();
    assert!(matches!(
        world.effects.save(&old, calling.clone()).await,
        Err(StoreError::Fenced { .. })
    ));
    assert_eq!(world.next().await.unwrap().state, EffectState::Intent);
    world.effects.save(&new, calling).await.unwrap();
}

#[tokio::test]
async fn holder_that_comes_back_in_time_keeps_its_fence() {
    let world = world();
    let first = world.lease("a").await.unwrap();
    world.clock.set(NOW + 500);
    assert_eq!(world.lease("a").await.unwrap().fence, first.fence);
    world.effects.release(first.clone()).await.unwrap();
    assert_eq!(world.lease("b").await.unwrap().fence, first.fence + 1);
}

#[tokio::test]
async fn call_that_was_out_at_a_crash_becomes_unknown_for_the_next_holder() {
    let world = world();
    world.intend(movement(1, "2")).await.unwrap();
    let lease = world.lease("a").await.unwrap();
    world
        .effects
        .save(&lease, world.next().await.unwrap().calling().unwrap())
        .await
        .unwrap();
    world.clock.set(NOW + 60_001);
    let next = world.lease("b").await.unwrap();
    assert_eq!(world.effects.recover(&next).await.unwrap(), 1);
    let effect = world.next().await.unwrap();
    assert_eq!((effect.state, effect.calling), (EffectState::Unknown, false));
    assert_eq!(world.effects.recover(&next).await.unwrap(), 0, "once is enough");
}

#[tokio::test]
async fn effect_that_waits_lets_the_next_one_pass() {
    let world = world();
    world.intend(movement(1, "2")).await.unwrap();
    world.intend(movement(2, "2")).await.unwrap();
    let lease = world.lease("a").await.unwrap();
    let waiting = world
        .step(
            &lease,
            StepResult::Failed(Answer::Unknown {
                after_ms: Some(5000),
                reason: "no answer within 90 s".to_owned(),
            }),
        )
        .await;
    assert!(waiting.not_before_ms > NOW);
    assert_eq!(world.next().await.unwrap().key.as_str(), "tillwire.p_acme_s1_2");
    world.clock.set(waiting.not_before_ms);
    assert_eq!(world.next().await.unwrap().key.as_str(), "tillwire.p_acme_s1_1");
}

#[tokio::test]
async fn rejected_effect_raises_its_exception_and_comes_back_when_told() {
    let world = world();
    world.intend(movement(1, "2")).await.unwrap();
    let lease = world.lease("a").await.unwrap();
    assert!(
        world.effects.retry("tillwire.p_acme_s1_1", None).await.is_err(),
        "only what was rejected"
    );
    let calling = world.next().await.unwrap().calling().unwrap();
    world.effects.save(&lease, calling.clone()).await.unwrap();
    let refusal = Answer::Rejected {
        refusal: Refusal::Rule,
        message: "a lot is missing".to_owned(),
    };
    let rejected = calling
        .answered(StepResult::Failed(refusal), NOW, BACKOFF, 7)
        .unwrap();
    let cause = CauseKey::new(ExceptionKind::OdooRejected, &[&rejected.key]);
    let draft = ExceptionDraft::new(
        ExceptionKind::OdooRejected,
        &tenant(),
        &store_id(),
        cause,
        "a lot is missing",
    );
    let change = Change {
        raise: vec![draft],
        ..Change::from(rejected)
    };
    world.effects.save(&lease, change).await.unwrap();
    assert_eq!(world.next().await, None);
    let open = world
        .store
        .read(|db| exceptions::list(db, &exceptions::Filter::default()))
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    world.effects.retry("tillwire.p_acme_s1_1", None).await.unwrap();
    assert!(world.next().await.is_some());
}
