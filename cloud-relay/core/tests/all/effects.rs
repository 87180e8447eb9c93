use tillwire_relay_core::odoo::{
    Answer, Backoff, Difference, Effect, EffectKey, EffectState, JournalEntry, Next, Payload, Refusal, Seen,
    Step, StepResult, Verdict,
};

use crate::world::*;

const BACKOFF: Backoff = Backoff {
    first_ms: 1_000,
    most_ms: 60_000,
};

fn payload() -> Payload {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    Payload::JournalEntry(JournalEntry::of(&world.posting(&[]).unwrap()))
}

fn effect() -> Effect {
    Effect::intend(payload())
}

/// One round: the call goes out and comes back; waits are waited.
fn round(effect: Effect, wanted: Step, result: StepResult) -> Effect {
    let now = effect.not_before_ms;
    assert_eq!(effect.next(now), Next::Do(wanted));
    effect
        .calling()
        .unwrap()
        .answered(result, now, BACKOFF, 1)
        .unwrap()
}

fn failed(answer: Answer) -> StepResult {
    StepResult::Failed(answer)
}

fn lost() -> StepResult {
    failed(Answer::Unknown {
        after_ms: None,
        reason: "lost".to_owned(),
    })
}

fn equal() -> Verdict {
    Verdict::default()
}

fn other() -> Verdict {
    Verdict {
        differences: vec![Difference::Field {
            what: "total".to_owned(),
            found: "1".to_owned(),
            wanted: "2".to_owned(),
        }],
    }
}

#[test]
fn keys_carry_day_and_revision_and_never_change() {
    let effect = effect();
    assert_eq!(effect.key.as_str(), "tillwire.j_acme_s01_20261120_r1");
    assert_eq!(effect.content, payload().content_hash());
    assert_eq!(effect.state, EffectState::Intent);
}

#[test]
fn the_straight_way_is_create_look_confirm_look() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let effect = round(effect, Step::Confirm, StepResult::Confirmed);
    assert_eq!(effect.state, EffectState::Sent, "an answer proves nothing");
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Confirmed(equal())));
    assert_eq!((effect.state, effect.document), (EffectState::Done, Some(41)));
    assert_eq!(effect.next(0), Next::Finished);
}

#[test]
fn a_lost_answer_is_unknown_and_looked_up_by_key() {
    let effect = round(effect(), Step::Load, lost());
    assert_eq!(effect.state, EffectState::Unknown);
    // load() with the same key finds what is there
    let effect = round(effect, Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let effect = round(effect, Step::Confirm, lost());
    assert_eq!(effect.state, EffectState::Unknown);
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Confirmed(equal())));
    assert_eq!(
        (effect.state, effect.confirms),
        (EffectState::Done, 1),
        "never confirmed twice"
    );
}

#[test]
fn a_lost_confirmation_that_did_nothing_is_asked_again() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let effect = round(effect, Step::Confirm, lost());
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let effect = round(effect, Step::Confirm, StepResult::Confirmed);
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Confirmed(equal())));
    assert_eq!(effect.state, EffectState::Done);
}

#[test]
fn a_crash_while_calling_is_unknown_after_restart() {
    let effect = effect().calling().unwrap();
    assert!(
        matches!(effect.next(0), Next::Wait { .. }),
        "one caller at a time"
    );
    let stored = serde_json::to_string(&effect).unwrap();
    let effect: Effect = serde_json::from_str(&stored).unwrap();
    let effect = effect.recovered();
    assert_eq!(effect.state, EffectState::Unknown);
    assert_eq!(effect.next(0), Next::Do(Step::Load));
    assert_eq!(effect.clone().recovered(), effect);
}

#[test]
fn posted_already_is_success_once_it_was_read() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let refused = Answer::Rejected {
        refusal: Refusal::Rule,
        message: "must be in draft".to_owned(),
    };
    let effect = round(effect, Step::Confirm, failed(refused));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Confirmed(equal())));
    assert_eq!(effect.state, EffectState::Done);
    assert_eq!(effect.reason, None);
}

#[test]
fn a_refusal_that_leaves_a_draft_is_rejected_in_odoos_words() {
    for refusal in [Refusal::Rule, Refusal::Dialog] {
        let effect = round(effect(), Step::Load, StepResult::Loaded(41));
        let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
        let refused = Answer::Rejected {
            refusal,
            message: "no lots".to_owned(),
        };
        let effect = round(effect, Step::Confirm, failed(refused));
        let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
        assert_eq!(effect.state, EffectState::Rejected);
        assert_eq!(effect.reason.as_deref(), Some("no lots"));
    }
}

#[test]
fn a_refusal_is_not_forgotten_when_the_look_is_lost() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    let refused = Answer::Rejected {
        refusal: Refusal::Rule,
        message: "no lots".to_owned(),
    };
    let effect = round(effect, Step::Confirm, failed(refused));
    let effect = round(effect, Step::Look, lost());
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    assert_eq!(effect.reason.as_deref(), Some("no lots"));
}

#[test]
fn a_wrong_draft_is_never_confirmed() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(other())));
    assert_eq!(effect.state, EffectState::Rejected);
    assert_eq!((effect.confirms, effect.differences.len()), (0, 1));
}

#[test]
fn what_was_deleted_is_made_again_only_by_a_person() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Gone));
    assert_eq!(effect.state, EffectState::Rejected);
    assert_eq!(effect.differences, [Difference::Gone]);
    assert_eq!(
        effect.document,
        Some(41),
        "the id stays for whoever looks into it"
    );
    // a person who saw that may have it made again
    let again = effect.retried(None).unwrap();
    assert_eq!((again.next(0), again.document), (Next::Do(Step::Load), None));
}

#[test]
fn another_date_is_let_pass_and_noted() {
    let moved = Difference::Date {
        found: "2026-12-01".to_owned(),
        wanted: "2026-11-20".to_owned(),
    };
    let verdict = Verdict {
        differences: vec![moved.clone()],
    };
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let effect = round(
        effect,
        Step::Look,
        StepResult::Seen(Seen::Confirmed(verdict.clone())),
    );
    assert_eq!(effect.state, EffectState::Done);
    assert_eq!(effect.differences, [moved]);
    assert!(
        effect.changed_since(&Seen::Confirmed(verdict)).is_empty(),
        "that was so from the start"
    );
    assert_eq!(effect.changed_since(&Seen::Confirmed(other())).len(), 1);
    assert_eq!(effect.changed_since(&Seen::Gone), [Difference::Gone]);
    assert!(
        effect
            .changed_since(&Seen::Draft(equal()))
            .contains(&Difference::NotConfirmed)
    );
}

#[test]
fn a_retry_waits_longer_each_time_and_heeds_the_server() {
    let mut effect = effect();
    let mut ceiling = 0;
    for attempt in 1..8 {
        let now = effect.not_before_ms;
        let busy = Answer::Retry {
            after_ms: None,
            reason: "busy".to_owned(),
        };
        effect = effect
            .calling()
            .unwrap()
            .answered(failed(busy), now, BACKOFF, attempt)
            .unwrap();
        assert_eq!(effect.state, EffectState::Intent, "certainly not done");
        ceiling = ceiling.max(effect.not_before_ms - now);
    }
    assert!(ceiling > 2_000 && ceiling <= 60_000, "{ceiling}");
    let now = effect.not_before_ms;
    let told = Answer::Unknown {
        after_ms: Some(90_000),
        reason: "429".to_owned(),
    };
    let effect = effect
        .calling()
        .unwrap()
        .answered(failed(told), now, BACKOFF, 1)
        .unwrap();
    assert!(effect.not_before_ms >= now + 90_000);
}

#[test]
fn a_wrong_key_waits_and_rejects_nothing() {
    let denied = Answer::Unauthorised {
        message: "Access Denied".to_owned(),
    };
    let effect = round(effect(), Step::Load, failed(denied));
    assert_eq!(effect.state, EffectState::Intent);
    assert!(effect.not_before_ms >= 30_000);
    assert_eq!(effect.reason.as_deref(), Some("Access Denied"));
}

#[test]
fn a_rejected_effect_takes_a_new_payload_only_while_odoo_has_none() {
    let refused = Answer::Rejected {
        refusal: Refusal::Row,
        message: "no such account".to_owned(),
    };
    let effect = round(effect(), Step::Load, failed(refused));
    assert_eq!(effect.state, EffectState::Rejected);
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 2000));
    let new = Payload::JournalEntry(JournalEntry::of(&world.posting(&[]).unwrap()));
    let again = effect.retried(Some(new.clone())).unwrap();
    assert_eq!(
        (again.state, again.content),
        (EffectState::Intent, new.content_hash())
    );
    let effect = round(again, Step::Load, StepResult::Loaded(41));
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(other())));
    assert!(effect.retried(Some(new)).is_err(), "Odoo holds the old one");
}

#[test]
fn steps_out_of_turn_are_errors() {
    let fresh = effect();
    assert!(
        fresh
            .clone()
            .answered(StepResult::Loaded(1), 0, BACKOFF, 1)
            .is_err()
    );
    let out = fresh.calling().unwrap();
    assert!(out.clone().calling().is_err());
    assert!(
        out.clone()
            .answered(StepResult::Confirmed, 0, BACKOFF, 1)
            .is_err()
    );
    assert!(out.retried(None).is_err());
}

#[test]
fn a_draft_that_never_posts_ends_in_rejection() {
    let mut effect = round(effect(), Step::Load, StepResult::Loaded(41));
    for _ in 0..100 {
        if effect.is_finished() {
            break;
        }
        effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
        if !effect.is_finished() {
            effect = round(effect, Step::Confirm, StepResult::Confirmed);
        }
    }
    assert_eq!((effect.state, effect.confirms), (EffectState::Rejected, 5));
}

#[test]
fn an_odoo_that_is_away_at_confirmation_is_waited_for() {
    let effect = round(effect(), Step::Load, StepResult::Loaded(41));
    let mut effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    for _ in 0..20 {
        let away = Answer::Retry {
            after_ms: None,
            reason: "refused".to_owned(),
        };
        effect = round(effect, Step::Confirm, failed(away));
        effect = round(effect, Step::Confirm, lost());
        effect = round(effect, Step::Look, StepResult::Seen(Seen::Draft(equal())));
    }
    let effect = round(effect, Step::Confirm, StepResult::Confirmed);
    let effect = round(effect, Step::Look, StepResult::Seen(Seen::Confirmed(equal())));
    assert_eq!(effect.state, EffectState::Done);
}

#[test]
fn stored_keys_read_back() {
    let key = EffectKey::picking(&World::new().settings.tenant, &World::new().settings.store, 12);
    assert_eq!(key.as_str(), "tillwire.p_acme_s01_12");
    assert_eq!(EffectKey::from_stored(key.as_str()), key);
}
