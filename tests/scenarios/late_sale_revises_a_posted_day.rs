//! A sale arrives after its day was posted. A further posting nets the old to the new; the first is not touched.

use tillwire_e2e::odoo_company::journal_code;
use tillwire_e2e::relay_store::days;
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn late_sale_revises_a_posted_day() {
    let world = open(17, 1, |_| {}).await;
    let mut events = a_day(&world, 8);
    let late = events
        .iter()
        .rposition(|e| e.register == 0 && ticket(e).is_some())
        .unwrap();
    let late = events.remove(late);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    let entries = || {
        let posted = world.odoo.sim.as_ref().unwrap().snapshot();
        let mine = posted.posted().filter(|m| m.journal_code == journal_code(0));
        mine.cloned().collect::<Vec<_>>()
    };
    let first = entries();
    assert_eq!(first.len(), 1);

    world.tell(world.date, &late).await.unwrap();
    all_is_well(&world).await;
    let both = entries();
    assert_eq!(both.len(), 2, "the revision is an entry of its own");
    assert_eq!(both[0], first[0], "what was posted is never edited");
    let day = days(&world.relay.database).unwrap().into_iter().next().unwrap();
    assert_eq!(day.revision, 2);
}
