//! A till pushes its tickets and prints them: the relay gets both accounts of each. When the box's disk is full the
//! printer prints on, and what was printed meanwhile is journaled once there is room.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::relay_store::Held;
use tillwire_e2e::shop::Event;
use tillwire_e2e::sims::printer::receipt::receipt;
use tillwire_e2e::till_sim::{http, telling};
use tillwire_e2e::world::{Pace, World, until};
use tillwire_proto::{Fact, Printed, Witness};

use crate::story::{PATIENCE, a_day, all_is_well, open, ticket};

const DISK: u64 = 256 << 20;

/// Receipts that the relay holds, by ticket number.
fn printed(world: &World) -> BTreeMap<String, Vec<Printed>> {
    let mut printed: BTreeMap<String, Vec<Printed>> = BTreeMap::new();
    for (_, _, observation) in Held::read(&world.relay.database).unwrap().observations() {
        if let (Witness::Printer, Fact::Printed(paper)) = (observation.witness, &observation.fact) {
            let number = paper.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
            printed.entry(number).or_default().push((**paper).clone());
        }
    }
    printed
}

async fn print(world: &World, events: &[Event]) {
    for event in events {
        let Some(sold) = ticket(event) else { continue };
        let job = receipt(&world.shop, event, sold, world.date, false);
        world.sites[event.store]
            .print(event.register, &job)
            .await
            .unwrap();
    }
}

async fn until_printed(world: &World, events: &[Event]) {
    let wanted = events.iter().filter_map(ticket).count();
    until("the relay holds every receipt", PATIENCE, async || {
        Ok((printed(world).len() >= wanted).then_some(()))
    })
    .await
    .unwrap();
    let printed = printed(world);
    for sold in events.iter().filter_map(ticket) {
        let papers = &printed[&sold.number.to_string()];
        assert_eq!(papers.len(), 1, "ticket {}", sold.number);
        assert_eq!(papers[0].total.unwrap().minor(), sold.total());
        assert!(!papers[0].copy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_accounts_of_every_ticket_reach_the_relay() {
    let world = open(23, 1, |setup| setup.printers = true).await;
    let events = a_day(&world, 12);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    print(&world, &events).await;
    until_printed(&world, &events).await;
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paper_comes_out_while_the_disk_is_full() {
    let Some(disk) = Disk::mount_or_skip(Path::new(env!("CARGO_BIN_EXE_disk")), "a full disk") else {
        return;
    };
    disk.set_capacity(Some(DISK));
    let state = disk.path().join("state");
    let world = open(24, 1, |setup| {
        setup.printers = true;
        setup.agent_dirs.insert(0, state);
    })
    .await;
    let site = &world.sites[0];
    let events = a_day(&world, 12);
    let ballast = disk.path().join("ballast");
    std::fs::write(
        &ballast,
        vec![7; usize::try_from(DISK - disk.used() - (1 << 20)).unwrap()],
    )
    .unwrap();
    let till = site.tills[events[0].register].lock().await;
    let (path, body) = telling(&world.shop, world.date, till.clock, &events[0]);
    let secret = till.secret.clone();
    drop(till);
    until("a till is told to wait", PATIENCE, async || {
        let answer = http::post(site.http, path, &secret, body.as_bytes()).await?;
        Ok((answer.status == 503).then_some(()))
    })
    .await
    .unwrap();

    print(&world, &events).await;
    assert!(
        printed(&world).is_empty(),
        "the journal had no room for a receipt"
    );
    let taken: usize = site
        .printers
        .iter()
        .map(tillwire_e2e::sims::printer::Printer::received_len)
        .sum();
    assert!(taken > 0, "the printers got nothing");
    tokio::time::sleep(Duration::from_secs(1)).await;
    std::fs::remove_file(&ballast).unwrap();
    until_printed(&world, &events).await;
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    site.agent.stop().unwrap();
}
