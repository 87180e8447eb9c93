//! The relay asks the retailer's account in the POS's cloud beside what tills push: each sale is booked once, the day shows both
//! accounts, and a ticket that no till pushed is booked all the same.

use tillwire_e2e::relay_store::Held;
use tillwire_e2e::shop::{Event, What};
use tillwire_e2e::sims::retail_cloud::{Account, Mishap};
use tillwire_e2e::till_sim::{Clock, order_json, telling};
use tillwire_e2e::world::{AskedBy, Cloud, Pace};
use tillwire_proto::{Fact, Witness};

use crate::story::{a_day, all_is_well, is_kept_cash, open, open_kinds, ticket};

/// How the account shows what was sold.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Tickets,
    Orders,
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_and_till_count_once_and_the_cloud_alone_is_enough() {
    both_are_told(Shown::Tickets, AskedBy::Relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_with_the_newer_interface_is_a_witness_as_well() {
    both_are_told(Shown::Orders, AskedBy::Relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn box_asks_the_account_where_only_the_store_has_a_token() {
    both_are_told(Shown::Tickets, AskedBy::Store).await;
}

async fn both_are_told(shown: Shown, asked_by: AskedBy) {
    let account = Account::new("token-of-the-account");
    let (address, _serving) = account.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let token = secrets.path().join("heartland.token");
    std::fs::write(&token, "token-of-the-account").unwrap();
    std::fs::write(token.with_extension("hook"), "a2c4e6a8b1d3f5a7a2c4e6a8b1d3f5a7").unwrap();
    let world = open(71, 1, |setup| {
        setup.cloud = Some(Cloud {
            url: format!("http://{address}"),
            token_file: token.clone(),
            asked_by,
        });
        if asked_by == AskedBy::Store {
            // the account's clock is believed, not the box's
            setup.clocks_off.insert(0, 300 * 24 * 3_600_000);
        }
    })
    .await;
    let events = a_day(&world, 12);
    // the last sale in cash that nobody took back is told to the cloud alone
    let missed = events.iter().rev().find(|event| is_kept_cash(event, &events));
    let missed = missed.unwrap().clone();
    account.goes_wrong([Mishap::TooMany(1), Mishap::Cut]);
    for event in &events {
        let (ticket, voided) = match &event.what {
            What::Ticket(ticket) => (ticket, false),
            What::Void(ticket) => (ticket, true),
            _ => continue,
        };
        if shown == Shown::Orders {
            let (shop, clock) = (&world.shop, Clock::default());
            let (station, order) = order_json(shop, event, ticket, world.date, clock, voided);
            account.put_order(&station, order).unwrap();
        } else {
            let (_, body) = telling(&world.shop, world.date, Clock::default(), event);
            account.put(serde_json::from_str(&body).unwrap()).unwrap();
        }
    }
    let number = |event: &Event| ticket(event).map(|ticket| ticket.id);
    let told: Vec<_> = events
        .iter()
        .filter(|event| number(event).is_none() || number(event) != number(&missed))
        .cloned()
        .collect();
    world.play(world.date, &told, Pace::AtOnce).await.unwrap();
    world.happened_elsewhere(world.date, &missed);
    all_is_well(&world).await;

    let held = Held::read(&world.relay.database).unwrap();
    let from_cloud = held.observations().filter(|(_, _, told)| {
        told.witness == Witness::CloudPoll && matches!(told.fact, Fact::Transaction(_))
    });
    let sold = events.iter().filter(|event| ticket(event).is_some()).count();
    assert_eq!(
        from_cloud.count(),
        sold,
        "each ticket is on record once as the cloud tells it"
    );
    let store = format!("acme/{}", world.shop.stores[0].id);
    let day = world
        .relay
        .command(&["day", "show", &store, &world.date.to_string()])
        .await
        .unwrap();
    assert!(day.contains("cloud"), "{day}");
    let checked = account
        .asked()
        .iter()
        .any(|asked| asked.starts_with("/api/payments"));
    assert_eq!(checked, asked_by == AskedBy::Relay);
    let open = open_kinds(&world);
    assert!(
        !open.iter().any(|kind| kind == "payment-without-ticket"),
        "{open:?}"
    );
}
