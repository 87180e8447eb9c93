//! What goes wrong during the demo's day, on schedule.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::say;
use crate::link_sim::State;
use crate::odoo_sim::{Fault, Target, When};
use crate::world::World;

/// Lets everything go wrong that is on the list, spread over the day.
pub(super) async fn happen(world: Arc<World>, day: Duration) {
    let start = Instant::now();
    let at = |part: f64| start + day.mul_f64(part);
    let stores = world.sites.len();
    let name = |store: usize| world.shop.stores[store].name.clone();
    if let Some(sim) = &world.odoo.sim {
        sim.faults().on(
            Target::new("stock.picking", "button_validate"),
            When::Nth(2),
            Fault::CommitThenHangUp,
        );
        sim.faults().on(
            Target::new("account.move", "load"),
            When::Nth(1),
            Fault::CommitThenHangUp,
        );
    }
    let (cut, silent, crashed) = (1 % stores, 2 % stores, 3 % stores);
    sleep_until(at(0.2)).await;
    say(&format!("  {}: the line is cut", name(cut)));
    world.sites[cut].link.set_state(State::Cut);
    sleep_until(at(0.35)).await;
    say(&format!("  {}: the line is dead without a word", name(silent)));
    world.sites[silent].link.set_state(State::HalfOpen);
    sleep_until(at(0.45)).await;
    say(&format!(
        "  {}: the power of the box fails for a moment",
        name(crashed)
    ));
    world.sites[crashed].agent.crash();
    sleep_until(at(0.55)).await;
    say(&format!("  {}: the line is back", name(cut)));
    world.sites[cut].link.set_state(State::Up);
    sleep_until(at(0.65)).await;
    say("  the relay is killed");
    world.relay.program.crash();
    sleep_until(at(0.75)).await;
    world.sites[silent].link.set_state(State::Up);
    say(&format!("  {}: the line is back", name(silent)));
    if let Some(sim) = &world.odoo.sim {
        sleep_until(at(0.8)).await;
        say("  Odoo is away for three seconds");
        sim.vanish(Duration::from_secs(3)).await;
    }
}
