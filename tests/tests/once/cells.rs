//! Every kind of effect on every version, with one thing going wrong at every moment there is. The moments are those of a
//! run in which nothing goes wrong: a step that is new is a moment more.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tillwire_e2e::odoo_sim::{Fault, OdooVersion};
use tillwire_e2e::once::hands::ACTS;
use tillwire_e2e::once::meant::Kind;
use tillwire_e2e::once::plan::{Call, Mishap, VERSIONS, What, quick_faults};
use tillwire_e2e::once::watch::Moment;
use tillwire_e2e::once::{Conditions, Plan, Played, alone, report};
use tillwire_relay_core::odoo::EffectKind;

/// What becomes of a call whose caller is gone.
const CALLS: [Call; 3] = [Call::Lost, Call::Executed, Call::Late(3)];

fn plan(kind: Kind, version: OdooVersion, mishaps: Vec<Mishap>) -> Plan {
    Plan {
        seed: 7,
        version,
        from_start: false,
        meant: kind.draw(1, &mut ChaCha8Rng::seed_from_u64(7)),
        mishaps,
    }
}

/// Plays one cell; everything in it must have happened, and all must be well in the end.
fn cell(plan: &Plan, conditions: &Conditions) -> Played {
    let played = alone(plan, conditions).unwrap();
    assert!(played.problems.is_empty(), "{}", report(plan, &played));
    assert_eq!(
        played.seen.unmet,
        0,
        "no moment came for it: {}",
        report(plan, &played)
    );
    played
}

fn cells() -> impl Iterator<Item = (Kind, OdooVersion)> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| VERSIONS.map(|version| (kind, version)))
}

fn undisturbed(kind: Kind, version: OdooVersion) -> Vec<Moment> {
    cell(&plan(kind, version, vec![]), &Conditions::default())
        .seen
        .moments
}

/// Whether it is this version's turn: what goes wrong at a moment goes wrong there on one of the versions, and on the
/// others at the moments beside it.
fn is_turn(version: OdooVersion, number: usize, nth: usize) -> bool {
    VERSIONS[(number + nth) % VERSIONS.len()] == version
}

fn at(number: usize, what: What) -> Vec<Mishap> {
    vec![Mishap { at: number, what }]
}

/// The calls by which a kind of effect comes true, once its names are known.
fn way(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Entry => &[
            "account.account.search_read",
            "account.move.load",
            "account.move.line.search_read",
            "account.move.action_post",
            "account.move.line.search_read",
        ],
        Kind::Goods => &[
            "mrp.bom.fields_get",
            "product.product.search_read",
            "uom.uom.search_read",
            "uom.uom.get_external_id",
            "stock.picking.load",
            "stock.move.search_read",
            "stock.picking.button_validate",
            "stock.move.search_read",
        ],
        Kind::Contact => &["res.partner.load", "res.partner.search_read"],
        Kind::Invoice => &[
            "account.account.search_read",
            "account.move.load",
            "account.move.line.search_read",
            "account.move.action_post",
            "account.move.line.search_read",
        ],
        Kind::Paid => &[
            "res.partner.load",
            "res.partner.search_read",
            "account.account.search_read",
            "account.move.load",
            "account.move.line.search_read",
            "account.move.action_post",
            "account.move.line.search_read",
            "account.move.load",
            "account.move.line.search_read",
            "account.move.action_post",
            "account.move.line.search_read",
            "account.move.line.search_read",
            "account.move.line.search_read",
            "account.move.line.reconcile",
            "account.move.line.search_read",
        ],
    }
}

#[test]
fn runs_are_made_of_every_kind_of_effect() {
    for kind in EffectKind::ALL {
        let meant = Kind::of(kind).draw(1, &mut ChaCha8Rng::seed_from_u64(7));
        assert!(
            meant.iter().any(|meant| meant.payload().kind() == kind),
            "{kind:?}"
        );
        assert!(
            meant
                .iter()
                .all(|meant| meant.payload().key().as_str() == meant.key())
        );
    }
}

#[test]
fn each_kind_goes_its_known_way() {
    for (kind, version) in cells() {
        let moments = undisturbed(kind, version);
        let arrived = moments.iter().filter_map(|moment| match moment {
            Moment::Arrived(call) => Some(call.as_str()),
            _ => None,
        });
        let arrived: Vec<&str> = arrived.collect();
        assert_eq!(
            arrived,
            way(kind),
            "{kind:?} on {version}: tell the cells of a new step"
        );
    }
}

#[test]
fn relay_may_be_killed_at_every_moment() {
    for (kind, version) in cells() {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            let calls: &[Call] = match moment {
                Moment::Arrived(_) => &CALLS,
                _ => &CALLS[..1],
            };
            for (nth, call) in calls.iter().enumerate() {
                if !is_turn(version, number, nth) {
                    continue;
                }
                let played = cell(
                    &plan(kind, version, at(number, What::Crash(*call))),
                    &Conditions::default(),
                );
                assert_eq!(played.seen.ends, 1);
            }
        }
    }
}

#[test]
fn relay_may_be_killed_twice_at_every_step() {
    for (kind, version) in cells() {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            if !matches!(moment, Moment::Committed | Moment::Executed(_)) {
                continue;
            }
            // the second relay has looked at Odoo and stands where the first one stood, more or less
            let mut mishaps = at(number, What::Crash(Call::Executed));
            mishaps.extend(at(number + 52, What::Crash(Call::Executed)));
            let twice = plan(kind, version, mishaps);
            let played = alone(&twice, &Conditions::default()).unwrap();
            assert!(played.problems.is_empty(), "{}", report(&twice, &played));
        }
    }
}

#[test]
fn relay_may_be_killed_before_it_knows_odoo() {
    for (kind, version) in Kind::ALL.into_iter().zip(VERSIONS.into_iter().rev()) {
        let whole = |mishaps| Plan {
            from_start: true,
            ..plan(kind, version, mishaps)
        };
        let moments = cell(&whole(vec![]), &Conditions::default()).seen.moments;
        for number in 0..moments.len() {
            cell(
                &whole(at(number, What::Crash(Call::Lost))),
                &Conditions::default(),
            );
        }
    }
}

#[test]
fn relay_may_stand_still_at_every_call_while_another_takes_over() {
    for (kind, version) in cells() {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            if !matches!(moment, Moment::Arrived(_)) {
                continue;
            }
            for (nth, call) in CALLS.into_iter().enumerate() {
                if !is_turn(version, number, nth) {
                    continue;
                }
                cell(
                    &plan(kind, version, at(number, What::Freeze(call))),
                    &Conditions::default(),
                );
            }
        }
    }
}

#[test]
fn every_call_may_go_wrong_in_every_way() {
    for (kind, version) in cells() {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            if !matches!(moment, Moment::Arrived(_)) {
                continue;
            }
            for (nth, fault) in quick_faults().into_iter().enumerate() {
                if !is_turn(version, number, nth) {
                    continue;
                }
                cell(
                    &plan(kind, version, at(number, What::Fault(fault))),
                    &Conditions::default(),
                );
            }
            for (nth, executes) in [false, true].into_iter().enumerate() {
                if !is_turn(version, number, nth) {
                    continue;
                }
                let away = What::Away { executes, turns: 8 };
                cell(&plan(kind, version, at(number, away)), &Conditions::default());
            }
        }
    }
}

#[test]
fn every_call_may_take_longer_than_the_relay_waits() {
    let patience = Duration::from_millis(400);
    let conditions = Conditions {
        patience,
        ..Conditions::default()
    };
    for (kind, version) in Kind::ALL.into_iter().zip(VERSIONS) {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            if !matches!(moment, Moment::Arrived(_)) {
                continue;
            }
            for fault in [
                Fault::CommitLate(patience * 3 / 2),
                Fault::AnswerLate(patience * 3 / 2),
            ] {
                cell(&plan(kind, version, at(number, What::Fault(fault))), &conditions);
            }
        }
    }
}

#[test]
fn people_may_do_anything_before_every_call() {
    for (kind, version) in cells() {
        for (number, moment) in undisturbed(kind, version).iter().enumerate() {
            if !matches!(moment, Moment::Arrived(_)) {
                continue;
            }
            for (nth, act) in ACTS.into_iter().enumerate() {
                if !is_turn(version, number, nth) {
                    continue;
                }
                cell(
                    &plan(kind, version, at(number, What::Person(act, 0))),
                    &Conditions::default(),
                );
            }
        }
    }
}
