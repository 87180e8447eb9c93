//! What every story starts from, and what it ends with.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tillwire_e2e::shop::{Event, How, Plan, Ticket, What};
use tillwire_e2e::world::{Setup, World};

/// The line must come to rest within this time, on a slow machine in a debug build.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary that becomes agent and relay.
pub(crate) fn programs() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_demo"))
}

/// A world, and the directory that it lives in. When its story fails, it tells every program's last words.
pub(crate) struct Story {
    world: World,
    _dir: TempDir,
}

impl Deref for Story {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}\n{}", self.world.shop.seed, self.world.last_words());
        }
    }
}

/// Opens so many stores, set up as `tune` wants them.
pub(crate) async fn open(seed: u64, stores: usize, tune: impl FnOnce(&mut Setup)) -> Story {
    let dir = TempDir::with_prefix("tillwire-story-").unwrap();
    let mut setup = Setup::new(seed, stores, programs(), dir.path().to_owned());
    tune(&mut setup);
    let world = World::start(&setup).await.unwrap();
    Story { world, _dir: dir }
}

/// A day of so many tickets per register, with all that days hold.
pub(crate) fn a_day(world: &World, tickets: usize) -> Vec<Event> {
    let plan = Plan {
        tickets,
        unknown_sku: false,
        close: true,
    };
    world.shop.day(plan, 0)
}

/// The ticket of an event, where it is one.
pub(crate) fn ticket(event: &Event) -> Option<&Ticket> {
    match &event.what {
        What::Ticket(ticket) => Some(ticket),
        _ => None,
    }
}

/// Whether an event is a ticket in cash that nobody takes back among these: it needs no terminal, so that it can happen where
/// no till tells of it.
pub(crate) fn is_kept_cash(event: &Event, among: &[Event]) -> bool {
    let taken_back = |id: u64| {
        let mut events = among.iter();
        events.any(|event| matches!(&event.what, What::Void(ticket) if ticket.id == id))
    };
    ticket(event).is_some_and(|ticket| {
        let mut payments = ticket.payments.iter();
        payments.all(|payment| matches!(payment.how, How::Cash)) && !taken_back(ticket.id)
    })
}

/// Panics with every difference unless all promises are kept.
pub(crate) async fn all_is_well(world: &World) {
    let verdict = world.verdict(PATIENCE).await.unwrap();
    assert!(verdict.is_good(), "\n{}", verdict.0.join("\n"));
}

/// The kinds of what waits for a person.
pub(crate) fn open_kinds(world: &World) -> Vec<String> {
    let open = tillwire_e2e::relay_store::open_exceptions(&world.relay.database).unwrap();
    open.into_iter().map(|exception| exception.kind).collect()
}
