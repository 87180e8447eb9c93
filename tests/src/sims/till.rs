//! A till that pushes a made-up day to an agent over HTTP, and tells what it needs in the agent's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::shop::{Event, Plan, Shop};
use crate::till_sim::{Clock, http, telling};
use crate::world::trading_day;

/// What `sim till` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The agent's HTTP endpoint.
    #[arg(long, default_value = "127.0.0.1:8787")]
    agent: SocketAddr,
    /// File with the secret that the agent wants to be shown.
    #[arg(long)]
    secret_file: PathBuf,
    /// Tickets of each register.
    #[arg(long, default_value_t = 10)]
    tickets: usize,
    /// The same seed gives the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds between two.
    #[arg(long, default_value_t = 200)]
    pause_ms: u64,
    /// Something that real tills do, for every third ticket.
    #[arg(long)]
    misbehave: Option<Misbehaviour>,
}

/// What a till may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Misbehaviour {
    /// Tells it twice.
    Twice,
    /// Sends half of it.
    Cut,
    /// Puts a card number into it.
    CardNumber,
    /// Gets its sums wrong by a cent.
    WrongTotal,
}

impl Misbehaviour {
    /// What is sent in the place of a body, one after the other.
    #[must_use]
    pub fn bodies(self, body: &str) -> Vec<String> {
        match self {
            Self::Twice => vec![body.to_owned(); 2],
            Self::Cut => vec![body[..body.len() / 2].to_owned(), body.to_owned()],
            Self::CardNumber => vec![body.replacen('{', r#"{"memo":"card 4111 1111 1111 1111","#, 1)],
            Self::WrongTotal => vec![body.replacen("\"total\":", "\"total\":1", 1), body.to_owned()],
        }
    }
}

/// Pushes the day and prints each answer.
///
/// # Errors
/// When the secret cannot be read, or the agent does not answer.
#[expect(clippy::print_stdout, reason = "it shows what it does")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let path = &args.secret_file;
    let secret = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shop = Shop::new(args.seed, "acme", 1);
    println!("the agent's configuration needs\n{}", needs(&shop));
    let plan = Plan {
        tickets: args.tickets,
        unknown_sku: false,
        close: true,
    };
    let date = trading_day();
    for (nth, event) in shop.day(plan, 0).iter().enumerate() {
        let (path, body) = telling(&shop, date, Clock::default(), event);
        let odd = args.misbehave.filter(|_| nth % 3 == 2 && path == "/v1/tickets");
        let bodies = odd.map_or_else(|| vec![body.clone()], |odd| odd.bodies(&body));
        for body in bodies {
            let answer = http::post(args.agent, path, secret.trim(), body.as_bytes()).await;
            let wanted = || {
                format!(
                    "no agent answers at {}; is it running, with [http] listen there?",
                    args.agent
                )
            };
            let answer = answer.with_context(wanted)?;
            println!("{} {} {}", title(event), answer.status, answer.body.trim());
        }
        tokio::time::sleep(Duration::from_millis(args.pause_ms)).await;
    }
    Ok(())
}

fn title(event: &Event) -> String {
    let (hour, minute) = (event.second / 3600, event.second / 60 % 60);
    format!("{hour:02}:{minute:02} register {}", event.register + 1)
}

/// The tables of the agent's configuration that know this shop.
pub(super) fn needs(shop: &Shop) -> String {
    let store = &shop.stores[0];
    let registers = store.registers.iter();
    let registers = registers.map(|r| {
        format!(
            "[[register]]\nid = \"{}\"\nstation_ids = [\"{}\"]\n",
            r.id, r.station_id
        )
    });
    let registers: String = registers.collect();
    format!(
        "[store]\nstore = \"{}\"\ncurrency = \"USD\"\ntime_zone = \"{}\"\nday_cutoff = \"04:00\"\n[heartland]\n\
         location_ids = [\"{}\"]\n{registers}",
        store.id, store.time_zone, store.location_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_misbehaviour_is_one_and_the_sale_follows_where_it_was_not_told() {
        let body = r#"{"id":7,"total":95.04}"#;
        assert_eq!(Misbehaviour::Twice.bodies(body), [body, body]);
        assert_eq!(Misbehaviour::Cut.bodies(body)[1], body);
        assert!(serde_json::from_str::<serde_json::Value>(&Misbehaviour::Cut.bodies(body)[0]).is_err());
        let with_card = &Misbehaviour::CardNumber.bodies(body)[0];
        assert!(serde_json::from_str::<serde_json::Value>(with_card).is_ok());
        assert!(with_card.contains("\"total\":95.04") && with_card.contains("4111"));
        assert!(Misbehaviour::WrongTotal.bodies(body)[0].contains("195.04"));
    }
}
