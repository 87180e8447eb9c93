//! What people do to documents that are done is told, whatever they do and whatever kind of document it is.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tillwire_e2e::once::hands::ACTS;
use tillwire_e2e::once::meant::Kind;
use tillwire_e2e::once::plan::{Mishap, VERSIONS, What};
use tillwire_e2e::once::{Conditions, Plan, alone, report};

#[test]
fn every_change_of_a_done_document_is_told() {
    let mut told = BTreeMap::new();
    for kind in Kind::ALL {
        let meant = kind.draw(1, &mut ChaCha8Rng::seed_from_u64(7));
        for (which, of) in meant.iter().enumerate() {
            for (nth, act) in ACTS.into_iter().enumerate() {
                let plan = Plan {
                    seed: 7,
                    version: VERSIONS[(which + nth) % VERSIONS.len()],
                    from_start: false,
                    meant: meant.clone(),
                    // a moment that never comes: people act when all is quiet
                    mishaps: vec![Mishap {
                        at: usize::MAX,
                        what: What::Person(act, which),
                    }],
                };
                let played = alone(&plan, &Conditions::default()).unwrap();
                assert!(played.problems.is_empty(), "{}", report(&plan, &played));
                assert_eq!(played.states["done"], meant.len());
                let let_them = !played.seen.acts.is_empty();
                let is_told = let_them && act.spoils() && of.is_watched();
                assert_eq!(
                    !played.told.is_empty(),
                    is_told,
                    "{act:?} {of:?}: {:?}",
                    played.told
                );
                *told.entry(of.model()).or_default() += usize::from(is_told);
            }
        }
    }
    let wanted = BTreeMap::from([
        // an entry, an invoice and both of a payment: reset, cancelled, deleted, two edits
        ("account.move", 4 * 5),
        ("account.move.line", 1),
        ("res.partner", 0),
        ("stock.picking", 2),
    ]);
    assert_eq!(told, wanted);
}
