//! Days of trade with anything that may happen, drawn from a seed, against the reference. `TILLWIRE_SEED` replays one.

use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tillwire_e2e::link_sim::{State, Weather};
use tillwire_e2e::odoo_sim::{Fault, Target, When};
use tillwire_e2e::shop::Plan;
use tillwire_e2e::terminal_sim::Behaviour;
use tillwire_e2e::world::{Pace, World};

use crate::story::{all_is_well, open};

/// What may happen, besides trade.
#[derive(Debug, Clone, Copy)]
enum Transition {
    KillAgent(usize),
    StopAgent(usize),
    KillRelay,
    Weather(usize, Weather),
    OdooFault(&'static str, &'static str, u64),
    OdooAway,
    OddTerminal(usize, usize),
    Wait(u64),
}

const CALLS: &[(&str, &str)] = &[
    ("account.move", "load"),
    ("account.move", "action_post"),
    ("stock.picking", "load"),
    ("stock.picking", "button_validate"),
    ("account.move", "read"),
];

fn draw(rng: &mut ChaCha8Rng, stores: usize) -> Transition {
    let store = rng.random_range(0..stores);
    match rng.random_range(0..10) {
        0 | 1 => Transition::KillAgent(store),
        2 => Transition::StopAgent(store),
        3 => Transition::KillRelay,
        4 | 5 => Transition::Weather(store, weather(rng)),
        6 => {
            let (model, method) = CALLS[rng.random_range(0..CALLS.len())];
            Transition::OdooFault(model, method, rng.random_range(1..4))
        }
        7 => Transition::OdooAway,
        8 => Transition::OddTerminal(store, rng.random_range(0..2)),
        _ => Transition::Wait(rng.random_range(100..1500)),
    }
}

fn weather(rng: &mut ChaCha8Rng) -> Weather {
    let states = [
        State::Up,
        State::Up,
        State::Cut,
        State::HalfOpen,
        State::BlackHole,
    ];
    Weather {
        state: states[rng.random_range(0..states.len())],
        delay: Duration::from_millis(rng.random_range(0..120)),
        jitter: Duration::from_millis(rng.random_range(0..80)),
        rate: 0,
        truncate_after: if rng.random_bool(0.2) {
            rng.random_range(100..20_000)
        } else {
            0
        },
        flip_at: if rng.random_bool(0.1) {
            rng.random_range(1..20_000)
        } else {
            0
        },
    }
}

async fn happen(world: &World, transition: Transition) {
    match transition {
        Transition::KillAgent(store) => {
            world.sites[store].agent.crash();
            world.sites[store].agent.revive().unwrap();
        }
        Transition::StopAgent(store) => {
            let agent = world.sites[store].agent.clone();
            // one that is just starting may not hear the signal in time; then it is killed, which must do as well
            let stopped = tokio::task::spawn_blocking(move || {
                let _killed = agent.stop();
                agent.start()
            });
            stopped.await.unwrap().unwrap();
        }
        Transition::KillRelay => {
            world.relay.program.crash();
            world.relay.program.revive().unwrap();
        }
        Transition::Weather(store, weather) => world.sites[store].link.set(weather),
        Transition::OdooFault(model, method, nth) => {
            let faults = world.odoo.sim.as_ref().unwrap().faults();
            faults.on(
                Target::new(model, method),
                When::Nth(nth),
                Fault::CommitThenHangUp,
            );
        }
        Transition::OdooAway => {
            world
                .odoo
                .sim
                .as_ref()
                .unwrap()
                .vanish(Duration::from_millis(700))
                .await;
        }
        Transition::OddTerminal(store, register) => {
            use Behaviour as B;
            let odd = [
                B::Busy,
                B::Nak,
                B::TimeoutNotice,
                B::NoReady,
                B::Glued,
                B::Split,
                B::BrokenStrings,
                B::Noise,
            ];
            world.sites[store].terminals[register].script(odd);
        }
        Transition::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
}

async fn random_day(seed: u64) {
    println!("TILLWIRE_SEED={seed}");
    let world = open(seed, 2, |setup| setup.repeats = 30).await;
    let plan = Plan {
        tickets: 14,
        unknown_sku: true,
        close: true,
    };
    let events = world.shop.day(plan, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let happening = async {
        for _ in 0..16 {
            let transition = draw(&mut rng, world.sites.len());
            println!("{transition:?}");
            happen(&world, transition).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        // faults off: from here on everything must come to rest
        world
            .sites
            .iter()
            .for_each(|site| site.link.set(Weather::default()));
    };
    let played = world.play(world.date, &events, Pace::Over(Duration::from_secs(8)));
    let (played, ()) = tokio::join!(played, happening);
    played.unwrap();
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_days_agree_with_the_reference() {
    let seeds = match std::env::var("TILLWIRE_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![101, 102],
    };
    for seed in seeds {
        random_day(seed).await;
    }
}
