//! A card sale has two witnesses, the ticket and the terminal. It is booked once, and the two are found to agree.

use tillwire_e2e::relay_store::Held;
use tillwire_e2e::shop::How;
use tillwire_e2e::world::Pace;
use tillwire_proto::Fact;

use crate::story::{a_day, all_is_well, open, open_kinds, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn sale_seen_by_ticket_and_terminal_counts_once() {
    // the second store's terminals are on serial lines, and the third's speak PAX and HPA
    let world = open(14, 3, |_| {}).await;
    let events = a_day(&world, 15);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;

    let by_card = events.iter().filter_map(ticket).flat_map(|t| &t.payments);
    let by_card = by_card.filter(|p| matches!(p.how, How::Card { .. })).count();
    let held = Held::read(&world.relay.database).unwrap();
    let heard = held
        .observations()
        .filter(|(_, _, o)| matches!(o.fact, Fact::Terminal(_)))
        .count();
    assert!(
        by_card > 0 && heard >= by_card,
        "{heard} answers of terminals for {by_card} card payments"
    );
    for (store, register) in [(0, "r1"), (1, "r2"), (2, "r1"), (2, "r2")] {
        let store = &world.shop.stores[store].id;
        let seen = held.observations().filter(|(_, _, told)| match &told.fact {
            Fact::Terminal(payment) => {
                payment.store.as_str() == store && payment.register.as_str() == register
            }
            _ => false,
        });
        assert!(seen.count() > 0, "no payment was seen at {store}'s {register}");
    }
    let open = open_kinds(&world);
    for kind in ["orphan-approval", "tender-without-terminal", "tender-differs"] {
        assert!(!open.iter().any(|k| k == kind), "{open:?}");
    }
}
