//! Nobody entered an item in Odoo, and a till takes a tender that nobody mapped. Both wait for a person, by name; the
//! rest of the day goes on and is posted.

use tillwire_e2e::shop::{How, Plan, What};
use tillwire_e2e::world::Pace;

use crate::story::{all_is_well, open, open_kinds, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_sku_and_tender_reach_the_exception_queue() {
    let world = open(20, 1, |_| {}).await;
    let plan = Plan {
        tickets: 12,
        unknown_sku: true,
        close: true,
    };
    let mut events = world.shop.day(plan, 0);
    let odd = events.iter().position(|e| {
        e.register == 1 && ticket(e).is_some_and(|t| t.payments.len() == 1 && t.change == 0 && t.total() > 0)
    });
    let What::Ticket(odd) = &mut events[odd.unwrap()].what else {
        panic!("an event with a ticket is a ticket");
    };
    odd.payments[0].how = How::Other("Mall voucher");
    let held = odd.id;
    // a ticket that is held cannot come back the same day in this story
    events.retain(|e| match &e.what {
        What::Void(ticket) => ticket.id != held,
        What::Ticket(ticket) => ticket.parent != Some(held),
        _ => true,
    });
    world.hold(held);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    let open = open_kinds(&world);
    for kind in ["unknown-sku", "unknown-tender"] {
        assert!(open.iter().any(|k| k == kind), "{open:?}");
    }
}
