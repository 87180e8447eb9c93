//! What must be true when all is quiet: looked at from outside, in what the relay stored as bytes that devices signed, in
//! its days, in the boxes' journals and in Odoo.

use std::collections::BTreeMap;

use tillwire_proto::{Fact, SegmentId, Transaction};

use super::world::World;
use crate::checkers::chain_unbroken;
use crate::odoo_sim::MoveView;
use crate::relay_store::{self, Held};

/// Exceptions that may stay open: a wrong clock is told and changes nothing.
const MAY_STAY: [&str; 1] = ["clock-off"];

/// Judges, and counts the entries in Odoo.
pub(super) fn at_the_end(world: &mut World) -> anyhow::Result<u64> {
    let database = world.relay.database.clone();
    let held = Held::read(&database)?;
    for problem in chain_unbroken::check(&held) {
        world.wrong(problem);
    }
    every_ticket_once(world, &held);
    captured_bytes_are_there(world, &held)?;
    for open in relay_store::open_exceptions(&database)? {
        if !MAY_STAY.contains(&open.kind.as_str()) {
            world.wrong(format!(
                "{} of {} is left open: {}",
                open.kind, open.store, open.cause
            ));
        }
    }
    let entries = world.odoo.as_ref().map(|odoo| odoo.snapshot().moves);
    days_are_whole(world, entries.is_some())?;
    Ok(match entries {
        Some(entries) => books_are_right(world, &entries),
        None => 0,
    })
}

/// Store, register and number.
type Name = (String, String, String);

fn every_ticket_once(world: &mut World, held: &Held) {
    let mut counts: BTreeMap<Name, Vec<i64>> = BTreeMap::new();
    let sales = held
        .observations()
        .filter_map(|(_, _, observation)| match observation.fact {
            Fact::Transaction(transaction) => Some(*transaction),
            _ => None,
        });
    for Transaction { key, body, .. } in sales {
        let total = match body {
            tillwire_proto::Body::Trade(trade) => trade.totals.total.minor(),
            _ => 0,
        };
        let name = (
            key.store.to_string(),
            key.register.to_string(),
            key.ticket.to_string(),
        );
        counts.entry(name).or_default().push(total);
    }
    let mut problems = Vec::new();
    for site in &world.sites {
        for till in &site.tills {
            for ticket in 1..=till.count {
                let name = (
                    site.store().to_string(),
                    till.register().to_string(),
                    ticket.to_string(),
                );
                match counts.remove(&name).as_deref() {
                    Some([cents]) if *cents == till.cents(ticket) => {}
                    Some([cents]) => problems.push(format!(
                        "{name:?} came to {cents}, sold for {}",
                        till.cents(ticket)
                    )),
                    Some(several) => problems.push(format!("{name:?} is there {} times", several.len())),
                    None => problems.push(format!("{name:?} is lost")),
                }
            }
        }
    }
    for name in counts.keys() {
        problems.push(format!("{name:?} was never sold"));
    }
    for problem in problems {
        world.wrong(problem);
    }
}

fn captured_bytes_are_there(world: &mut World, held: &Held) -> anyhow::Result<()> {
    let there = relay_store::captured(&world.relay.database)?;
    let lost: Vec<(SegmentId, u64)> = held
        .observations()
        .filter(|(_, _, observation)| {
            observation
                .attachment
                .is_some_and(|attached| !there.contains(&attached.digest))
        })
        .map(|(segment, number, _)| (segment, number))
        .collect();
    for (segment, number) in lost {
        world.wrong(format!(
            "the captured bytes of record {number} of {segment} are lost"
        ));
    }
    Ok(())
}

fn sold(world: &World) -> Vec<(String, i64, i64)> {
    let of_site = |site: &super::site::Site| {
        let all = site
            .tills
            .iter()
            .flat_map(|till| (1..=till.count).map(|ticket| till.cents(ticket)));
        let cents: Vec<i64> = all.collect();
        (
            site.store().to_string(),
            i64::try_from(cents.len()).unwrap_or(i64::MAX),
            cents.iter().sum(),
        )
    };
    world.sites.iter().map(of_site).collect()
}

fn days_are_whole(world: &mut World, posted: bool) -> anyhow::Result<()> {
    let days = relay_store::days(&world.relay.database)?;
    let wanted = if posted { "Posted" } else { "Balanced" };
    for (store, count, cents) in sold(world) {
        let of_store: Vec<_> = days.iter().filter(|day| day.store == store).collect();
        match of_store[..] {
            [day] if (day.trades, day.net) == (count, cents) && day.state == wanted => {}
            [day] => world.wrong(format!(
                "the day of {store} is {} with {} tickets and {} cents, wanted {wanted} with {count} and {cents}",
                day.state, day.trades, day.net
            )),
            ref several => world.wrong(format!("{store} has {} days", several.len())),
        }
    }
    Ok(())
}

fn books_are_right(world: &mut World, entries: &[MoveView]) -> u64 {
    let ours: Vec<&MoveView> = entries.iter().filter(|entry| entry.xid.is_some()).collect();
    for (store, _, cents) in sold(world) {
        let key = format!("_{store}_");
        let of_store: Vec<_> = ours
            .iter()
            .filter(|entry| entry.xid.as_ref().is_some_and(|xid| xid.contains(&key)))
            .collect();
        let [entry] = of_store[..] else {
            world.wrong(format!(
                "Odoo has {} entries of {store}, wanted one",
                of_store.len()
            ));
            continue;
        };
        let of = |account: &str| -> i64 {
            let lines = entry.lines.iter().filter(|line| line.account_code == account);
            lines.map(|line| line.debit - line.credit).sum()
        };
        if entry.state != "posted" || (of("101501"), of("400000")) != (cents, -cents) {
            world.wrong(format!(
                "the entry of {store} is {} with {} in cash and {} of revenue, wanted posted with {cents}",
                entry.state,
                of("101501"),
                of("400000")
            ));
        }
    }
    ours.len() as u64
}
