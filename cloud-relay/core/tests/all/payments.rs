//! The life of a payment: every state against every act, the processor's words, and what no order of facts changes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tillwire_proto::{Outcome, PaymentCommand, ProcessorReference};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::payments::{
    DepositStatus, DisputeStage, GpStatus, GpType, PaymentAct, PaymentEvent, PaymentFact, PaymentLife,
    PaymentName, PaymentState, PorticoService, PorticoStatus, Told, Why, facts_of, lives,
};

use crate::world::*;

fn event(act: PaymentAct, minor: i64) -> PaymentEvent {
    PaymentEvent::new(act, usd(minor))
}

/// A payment told by these acts, all legal.
fn told(acts: &[(PaymentAct, i64)]) -> PaymentLife {
    let mut life = PaymentLife::begin(event(acts[0].0, acts[0].1)).unwrap();
    for (act, minor) in &acts[1..] {
        life = life.after(event(*act, *minor)).unwrap();
    }
    life
}

/// A life of 80.00 in each state.
fn in_state(state: PaymentState) -> PaymentLife {
    use PaymentAct as A;
    let sold = [(A::Authorised, 8000), (A::Captured, 8000)];
    let after = |more: &[(A, i64)]| told(&[&sold[..], more].concat());
    let life = match state {
        PaymentState::Declined => told(&[(A::Declined, 8000)]),
        PaymentState::Stored => told(&[(A::Stored, 8000)]),
        PaymentState::Authorised => told(&[(A::Authorised, 8000)]),
        PaymentState::PartlyCaptured => told(&[(A::Authorised, 16_000), (A::Captured, 8000)]),
        PaymentState::Captured => after(&[]),
        PaymentState::TipAdjusted => after(&[(A::TipAdjusted, 0)]),
        PaymentState::Voided => after(&[(A::Voided, 8000)]),
        PaymentState::Refunded => after(&[(A::Settled, 8000), (A::Refunded, 1)]),
        PaymentState::RefundFailed => after(&[(A::Settled, 8000), (A::RefundFailed, 1)]),
        PaymentState::Settled => after(&[(A::Settled, 8000)]),
        PaymentState::Disputed => after(&[(A::Settled, 8000), (A::Disputed, 1)]),
    };
    assert_eq!(life.state(), state);
    life
}

/// Which act is possible where, as a table that people can read: `x` is legal. Amounts are one cent, so that they
/// never stand in the way, but for those that must name all there is.
const TABLE: &str = "
                  stored auth capt decl tip void batch refund failed settled disputed reversed
declined          .      .    .    .    .   .    .     .      .      .       .        .
stored offline    .      x    x    x    .   x    .     x      x      .       .        .
authorised        .      .    x    .    .   x    .     .      .      .       .        .
partly captured   .      .    x    .    x   x    x     x      x      x       .        .
captured          .      .    .    .    x   x    x     x      x      x       .        .
tip-adjusted      .      .    .    .    x   x    x     x      x      x       .        .
voided            .      .    .    .    .   x    .     .      .      .       .        .
refunded          .      .    .    .    .   .    x     x      x      x       x        .
refund failed     .      .    .    .    .   .    x     x      x      x       x        .
settled           .      .    .    .    .   .    .     x      x      x       x        .
disputed          .      .    .    .    .   .    .     .      .      x       x        x
";

#[test]
fn every_act_in_every_state_is_as_the_table_says() {
    for (row, state) in TABLE.lines().skip(2).zip(PaymentState::ALL) {
        assert_eq!(row[..18].trim(), state.name());
        let marks: Vec<&str> = row[18..].split_whitespace().collect();
        assert_eq!(marks.len(), PaymentAct::ALL.len());
        for (mark, act) in marks.into_iter().zip(PaymentAct::ALL) {
            let life = in_state(state);
            let minor = match act {
                PaymentAct::Voided => 0,
                // the refund of one cent is what is left to settle, and it takes money
                PaymentAct::Settled if state == PaymentState::Refunded => -1,
                PaymentAct::Settled if state == PaymentState::Settled => 0,
                PaymentAct::Settled => i64::from(state < PaymentState::RefundFailed),
                _ => 1,
            };
            let next = life.after(event(act, minor));
            assert_eq!(next.is_ok(), mark == "x", "{state} then {}: {next:?}", act.name());
            if let Err(illegal) = next {
                assert_eq!(illegal.state, Some(state));
            }
        }
    }
}

#[test]
fn a_payment_begins_only_with_what_begins_one() {
    for act in PaymentAct::ALL {
        let begun = PaymentLife::begin(event(act, 100)).is_ok();
        assert_eq!(begun, PaymentState::BEGINNINGS.contains(&act), "{}", act.name());
    }
}

#[test]
fn a_completion_for_less_leaves_the_payment_partly_captured() {
    use PaymentAct as A;
    let life = told(&[(A::Authorised, 5000), (A::Captured, 4200)]);
    assert_eq!(life.state(), PaymentState::PartlyCaptured);
    let over = life.after(event(A::Captured, 801)).unwrap_err();
    assert_eq!(
        over.why,
        Why::Beyond {
            found: usd(5001),
            most: usd(5000)
        }
    );
    assert_eq!(
        life.after(event(A::Captured, 800)).unwrap().state(),
        PaymentState::Captured
    );
}

#[test]
fn a_tip_is_taken_beyond_what_was_authorised_and_nothing_else_is() {
    use PaymentAct as A;
    let authorised = PaymentLife::begin(event(A::Authorised, 3000)).unwrap();
    let with_tip = PaymentEvent::captured_with_tip(usd(3500), usd(500));
    assert_eq!(
        authorised.after(with_tip).unwrap().state(),
        PaymentState::Captured
    );
    let without = authorised.after(event(A::Captured, 3500)).unwrap_err();
    assert_eq!(
        without.to_string(),
        "it is said to be captured 35.00 USD, which makes 35.00 USD, but no more than 30.00 USD is possible while \
         it is authorised"
    );
}

#[test]
fn a_second_tip_takes_the_place_of_the_first() {
    use PaymentAct as A;
    let life = told(&[
        (A::Authorised, 4200),
        (A::Captured, 4200),
        (A::TipAdjusted, 800),
        (A::TipAdjusted, 500),
    ]);
    assert_eq!(
        (life.amounts().captured, life.amounts().tip),
        (usd(4700), usd(500))
    );
    let settled = life.after(event(A::Settled, 4700)).unwrap();
    assert_eq!(settled.state(), PaymentState::Settled);
}

#[test]
fn after_its_batch_is_closed_a_payment_is_neither_voided_nor_tipped() {
    use PaymentAct as A;
    let life = told(&[(A::Authorised, 100), (A::Captured, 100), (A::Batched, 100)]);
    for act in [A::Voided, A::TipAdjusted] {
        assert_eq!(life.after(event(act, 100)).unwrap_err().why, Why::BatchClosed);
    }
}

#[test]
fn money_is_not_given_back_twice_by_a_refund_and_a_dispute() {
    use PaymentAct as A;
    let refunded = told(&[
        (A::Authorised, 100),
        (A::Captured, 100),
        (A::Refunded, 60),
        (A::Settled, 100),
    ]);
    let illegal = refunded.after(event(A::Disputed, 100)).unwrap_err();
    assert_eq!(
        illegal.why,
        Why::Beyond {
            found: usd(160),
            most: usd(100)
        }
    );
    assert_eq!(
        refunded.after(event(A::Disputed, 40)).unwrap().state(),
        PaymentState::Disputed
    );
}

#[test]
fn a_refund_of_its_own_may_be_voided_and_one_of_a_payment_may_not() {
    use PaymentAct as A;
    assert_eq!(
        told(&[(A::Refunded, 100), (A::Voided, 100)]).state(),
        PaymentState::Voided
    );
    let of_a_sale = told(&[(A::Authorised, 100), (A::Captured, 100), (A::Refunded, 100)]);
    assert_eq!(
        of_a_sale.after(event(A::Voided, 100)).unwrap_err().why,
        Why::State
    );
}

#[test]
fn a_void_names_all_there_is_or_nothing() {
    use PaymentAct as A;
    let life = told(&[(A::Authorised, 100), (A::Captured, 100)]);
    let part = life.after(event(A::Voided, 40)).unwrap_err();
    assert_eq!(part.why, Why::Differs { wanted: usd(100) });
    assert_eq!(life.after(event(A::Voided, 0)).unwrap().open().unwrap(), usd(0));
}

#[test]
fn every_word_of_the_reference_is_known_and_no_other() {
    let words = |all: Vec<&str>, read: &dyn Fn(&str) -> Result<String, String>| {
        for word in all {
            assert_eq!(read(word).unwrap(), word);
            assert!(read(&word.to_lowercase().replace('c', "k")).is_err());
        }
    };
    macro_rules! table {
        ($type:ident, $count:literal, $words:literal) => {
            let all: Vec<&str> = $words.split_whitespace().collect();
            assert_eq!((all.len(), $type::ALL.len()), ($count, $count));
            words(all, &|word| {
                $type::read(word)
                    .map(|w| w.word().to_owned())
                    .map_err(|e| e.to_string())
            });
        };
    }
    table!(
        GpStatus,
        9,
        "INITIATED PENDING DECLINED PREAUTHORIZED CAPTURED BATCHED REVERSED FUNDED REJECTED"
    );
    table!(GpType, 2, "SALE REFUND");
    table!(
        DepositStatus,
        6,
        "FUNDED SPLIT_FUNDING DELAYED RESERVED IRREG RELEASED"
    );
    table!(
        DisputeStage,
        9,
        "RETRIEVAL CHARGEBACK REVERSAL SECOND_CHARGEBACK PRE_ARBITRATION ARBITRATION PRE_COMPLIANCE COMPLIANCE GOODFAITH"
    );
    table!(
        PorticoService,
        6,
        "CreditSale CreditReturn CreditVoid CreditReversal CreditAddToBatch DebitSale"
    );
    table!(PorticoStatus, 1, "C");
    assert_eq!(
        PorticoStatus::read("Q").unwrap_err().to_string(),
        "TxnStatus is \"Q\", wanted one of C; ask the processor what it means before this is booked"
    );
}

/// The states of what the terminal told, in order of names.
fn states(world: &World) -> Vec<Option<PaymentState>> {
    let all = lives(facts_of(&world.facts().payments));
    all.iter()
        .map(|life| life.life.as_ref().map(PaymentLife::state))
        .collect()
}

fn numbered(command: PaymentCommand, minor: i64, number: &str) -> tillwire_proto::TerminalPayment {
    let mut payment = answer(T1, command, minor, None);
    payment.terminal_number = Some(tillwire_proto::Code::new(number).unwrap());
    payment
}

#[test]
fn commands_and_outcomes_of_a_terminal_become_states() {
    use PaymentCommand as C;
    use PaymentState as S;
    let cases = [
        (C::Sale, Outcome::Approved, Some(S::Captured)),
        (C::Sale, Outcome::Partial, Some(S::Captured)),
        (C::Sale, Outcome::Declined, Some(S::Declined)),
        (C::Sale, Outcome::Stored, Some(S::Stored)),
        (C::Sale, Outcome::Cancelled, None),
        (C::Sale, Outcome::Error, None),
        (C::Refund, Outcome::Approved, Some(S::Refunded)),
        (C::Refund, Outcome::Declined, Some(S::RefundFailed)),
        (C::Refund, Outcome::Stored, Some(S::Stored)),
        (C::PreAuth, Outcome::Approved, Some(S::Authorised)),
        (C::AuthCompletion, Outcome::Approved, Some(S::Captured)),
        (C::Void, Outcome::Approved, Some(S::Voided)),
        (C::Reversal, Outcome::Approved, Some(S::Voided)),
        (C::DeletePreAuth, Outcome::Approved, Some(S::Voided)),
        (C::Void, Outcome::Declined, None),
    ];
    for (command, outcome, state) in cases {
        let mut world = World::new();
        let mut payment = answer(T1, command, 1000, None);
        payment.outcome = outcome;
        world.pay(payment);
        let expected: Vec<_> = state.map(Some).into_iter().collect();
        assert_eq!(states(&world), expected, "{command:?} {outcome:?}");
    }
}

#[test]
fn what_follows_is_about_the_latest_payment_with_its_number() {
    use PaymentCommand as C;
    let mut world = World::new();
    world.pay(numbered(C::Sale, 1000, "0001"));
    // the batch was closed and the terminal counts from the beginning
    world.pay(numbered(C::Sale, 2000, "0001"));
    world.pay(numbered(C::Void, 2000, "0001"));
    assert_eq!(
        states(&world),
        [Some(PaymentState::Captured), Some(PaymentState::Voided)]
    );
}

#[test]
fn a_tip_after_a_void_is_an_exception_with_its_money() {
    use PaymentCommand as C;
    let mut world = World::new();
    world.pay(numbered(C::Sale, 4200, "0040"));
    world.pay(numbered(C::Void, 9900, "0040"));
    world.close_all();
    let assessment = world.assess();
    let conflict: Vec<_> = assessment
        .exceptions
        .iter()
        .filter(|e| e.kind == ExceptionKind::PaymentConflict)
        .collect();
    assert_eq!(conflict.len(), 1, "{:?}", assessment.exceptions);
    assert_eq!(conflict[0].at_risk, Some(usd(9900)));
    assert_eq!(
        conflict[0].detail,
        "payment at terminal pin-1: it is said to be voided 99.00 USD, but 42.00 USD is there to take back"
    );
}

fn fact(names: &[&str], act: PaymentAct, minor: i64, told: Told) -> PaymentFact {
    let names = names
        .iter()
        .map(|name| PaymentName::Reference(ProcessorReference::new(name).unwrap()));
    PaymentFact {
        event: event(act, minor),
        told,
        names: names.collect(),
        at: None,
        implied: false,
    }
}

fn by_processor(name: &str) -> Told {
    Told::Processor(name.to_owned())
}

#[test]
fn two_witnesses_of_one_event_are_one_event() {
    use PaymentAct as A;
    let mut world = World::new();
    let mut sold = answer(T1, PaymentCommand::Sale, 8000, None);
    sold.card.as_mut().unwrap().reference = Some(ProcessorReference::new("442").unwrap());
    world.pay(sold);
    let mut facts = facts_of(&world.facts().payments);
    facts.push(fact(&["442"], A::Authorised, 8000, by_processor("p1")));
    facts.push(fact(&["442"], A::Captured, 8000, by_processor("p1")));
    facts.push(fact(&["442"], A::Settled, 8000, by_processor("g1")));
    facts.push(fact(&["442"], A::Settled, 8000, by_processor("g1")));
    let all = lives(facts);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].illegal, []);
    assert_eq!(all[0].life.as_ref().unwrap().state(), PaymentState::Settled);
}

#[test]
fn a_refusal_at_settlement_leaves_the_payment_captured_and_says_so() {
    use PaymentAct as A;
    let facts = vec![
        fact(&["442"], A::Declined, 8000, by_processor("g1")),
        fact(&["442"], A::Captured, 8000, by_processor("p1")),
    ];
    let life = lives(facts).remove(0);
    assert_eq!(life.life.unwrap().state(), PaymentState::Captured);
    assert_eq!(life.illegal.len(), 1);
    assert_eq!(
        life.illegal[0].1.to_string(),
        "it is said to be declined 80.00 USD, but it is captured"
    );
}

fn any_facts() -> impl Strategy<Value = Vec<PaymentFact>> {
    let names = prop::collection::btree_set(prop::sample::select(vec!["1", "2", "3"]), 1..3);
    let one = (
        names,
        prop::sample::select(PaymentAct::ALL.to_vec()),
        0..5_i64,
        0..6_usize,
        any::<bool>(),
    );
    prop::collection::vec(
        one.prop_map(|(names, act, hundreds, told, implied)| {
            let names: Vec<&str> = names.into_iter().collect();
            let told = by_processor(&format!("line {told}"));
            PaymentFact {
                implied,
                ..fact(&names, act, hundreds * 100, told)
            }
        }),
        0..12,
    )
}

proptest! {
    #[test]
    fn no_order_of_facts_changes_a_payment(facts in any_facts(), seed in any::<u64>()) {
        let mut shuffled = facts.clone();
        let mut state = seed | 1;
        for place in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(place, usize::try_from(state >> 33).unwrap() % (place + 1));
        }
        prop_assert_eq!(lives(facts), lives(shuffled));
    }

    #[test]
    fn told_twice_is_told_once(facts in any_facts()) {
        let twice: Vec<_> = facts.iter().chain(&facts).cloned().collect();
        prop_assert_eq!(lives(facts), lives(twice));
    }

    #[test]
    fn whatever_happens_the_sums_stay_within_each_other(
        acts in prop::collection::vec((prop::sample::select(PaymentAct::ALL.to_vec()), -3..6_i64, 0..3_i64), 1..20)
    ) {
        let mut life: Option<PaymentLife> = None;
        let mut illegal = BTreeSet::new();
        for (act, hundreds, tip) in acts {
            let mut event = event(act, hundreds * 100);
            if act == PaymentAct::Captured {
                event.tip = usd(tip * 100);
            }
            let next = match &life {
                Some(life) => life.after(event),
                None => PaymentLife::begin(event),
            };
            match next {
                Ok(next) => life = Some(next),
                Err(refused) => { illegal.insert(refused.to_string()); }
            }
            let Some(life) = &life else { continue };
            let sums = life.amounts();
            let (captured, refunded) = (sums.captured.minor(), sums.refunded.minor());
            prop_assert!(captured - sums.tip.minor() <= sums.authorised.minor());
            prop_assert!(sums.voided.minor() == 0 || sums.voided.minor() == captured);
            prop_assert!(sums.settled_in.minor() <= captured - sums.voided.minor());
            prop_assert!(sums.settled_out.minor() <= refunded);
            prop_assert!(sums.disputed.minor() <= sums.settled_in.minor());
            if captured > 0 {
                prop_assert!(refunded + sums.disputed.minor() <= captured - sums.voided.minor());
            }
            if life.state() == PaymentState::Settled {
                prop_assert_eq!(life.open().unwrap(), usd(0));
            }
        }
    }
}
