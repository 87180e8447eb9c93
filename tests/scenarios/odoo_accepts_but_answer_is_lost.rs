//! Odoo does what it was asked, and the line breaks before it can say so: at the entry, at its posting, at the
//! movement of goods and at its validation. Nothing is there twice and nothing is missing.

use tillwire_e2e::odoo_sim::{Fault, Target, When};
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open};

#[tokio::test(flavor = "multi_thread")]
async fn odoo_accepts_but_answer_is_lost() {
    let world = open(13, 2, |_| {}).await;
    let faults = world.odoo.sim.as_ref().unwrap().faults();
    let calls = [
        ("account.move", "load"),
        ("account.move", "action_post"),
        ("stock.picking", "load"),
        ("stock.picking", "button_validate"),
    ];
    for (model, method) in calls {
        faults.on(Target::new(model, method), When::Nth(1), Fault::CommitThenHangUp);
        faults.on(
            Target::new(model, method),
            When::Nth(2),
            Fault::ProxyAfterCommit { status: 502 },
        );
        faults.on(
            Target::new(model, method),
            When::Nth(4),
            Fault::SerializationFailure,
        );
    }
    let events = a_day(&world, 12);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    assert!(
        faults.fired().len() >= 6,
        "the faults must have happened: {:?}",
        faults.counts()
    );
}
