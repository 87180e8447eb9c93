//! What people do to documents that are done is told, whatever they do and whatever kind of document it is.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tillwire_e2e::once::hands::ACTS;
use tillwire_e2e::once::meant::{Kind, Meant};
use tillwire_e2e::once::plan::{Mishap, VERSIONS, What};
use tillwire_e2e::once::{Conditions, Plan, alone, report};

#[test]
fn every_change_of_a_done_document_is_told() {
    let mut told = 0;
    for kind in Kind::ALL {
        for version in VERSIONS {
            for act in ACTS {
                let plan = Plan {
                    seed: 7,
                    version,
                    from_start: false,
                    meant: vec![Meant::draw(kind, 1, &mut ChaCha8Rng::seed_from_u64(7))],
                    // a moment that never comes: people act when all is quiet
                    mishaps: vec![Mishap {
                        at: usize::MAX,
                        what: What::Person(act, 0),
                    }],
                };
                let played = alone(&plan, &Conditions::default()).unwrap();
                assert!(played.problems.is_empty(), "{}", report(&plan, &played));
                assert_eq!(played.states["done"], 1);
                let let_them = !played.seen.acts.is_empty();
                told += usize::from(let_them && act.spoils());
                assert_eq!(
                    played.told.is_empty(),
                    !(let_them && act.spoils()),
                    "{act:?} {kind:?}: {:?}",
                    played.told
                );
            }
        }
    }
    // entries: reset, cancelled, deleted, two edits; goods: two edits
    assert_eq!(told, 3 * (5 + 2));
}
