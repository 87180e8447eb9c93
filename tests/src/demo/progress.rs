//! One line for people: how far the sales are.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tillwire_proto::TransactionKind;

use super::say;
use crate::checkers::odoo_agrees::Holdings;
use crate::relay_store::Held;
use crate::shop::What;
use crate::world::World;

/// Shows the line until it is stopped: in place on a terminal, else now and then.
pub(super) async fn show(world: Arc<World>, tickets: usize) {
    let terminal = std::io::stdout().is_terminal();
    let pause = Duration::from_secs(if terminal { 1 } else { 5 });
    loop {
        tokio::time::sleep(pause).await;
        if let Some(line) = figures(&world, tickets).await {
            if terminal {
                let mut out = std::io::stdout().lock();
                // a line that cannot be shown is shown a second later
                let _shown = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
            } else {
                say(&line);
            }
        }
    }
}

/// Shows the line once.
pub(super) async fn line(world: &World, tickets: usize) {
    if let Some(line) = figures(world, tickets).await {
        if std::io::stdout().is_terminal() {
            say("");
        }
        say(&line);
    }
}

async fn figures(world: &World, tickets: usize) -> Option<String> {
    let told = world.told(world.date);
    let captured = told.iter().filter(|e| matches!(e.what, What::Ticket(_))).count();
    let held = Held::read(&world.relay.database).ok()?;
    let trades: BTreeSet<_> = held
        .transactions()
        .into_iter()
        .filter(|t| {
            use TransactionKind as K;
            matches!(t.key.kind, K::Sale | K::Return | K::Exchange)
        })
        .map(|t| t.key)
        .collect();
    let held_back: u64 = {
        let mut sum = 0;
        for site in &world.sites {
            let status = site.status().await.ok();
            sum += status.and_then(|s| s["backlog"].as_u64()).unwrap_or(0);
        }
        sum
    };
    // Odoo away is a part of the story
    let posted = match Holdings::read(&world.odoo.api, world.sites.len()).await {
        Ok(now) => {
            let days = (0..world.sites.len())
                .filter(|s| !now.of_day(&world.before, *s, world.date).is_empty())
                .count();
            let moved: usize = (0..world.sites.len())
                .map(|s| now.moved(&world.before, s).len())
                .sum();
            format!(
                "{days} of {} days posted, stock of {moved} shelves moved",
                world.sites.len()
            )
        }
        Err(_) => "Odoo does not answer".to_owned(),
    };
    Some(format!(
        "{captured:>4} of {tickets} sales captured and safe · {held_back:>3} records wait in the stores · \
         {:>4} sales received · {posted}",
        trades.len(),
    ))
}
