//! A till: it takes money at its terminal, then tells the agent what happened, again and again until it is told
//! *taken*, as a POS that must not lose a sale does.

mod event_json;
pub mod http;
mod order_json;
mod ticket_json;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::io::DuplexStream;
use tokio::net::TcpStream;

pub use event_json::event_json;
pub use order_json::{order_json, station_uuid};
use ticket_json::Stamps;
pub use ticket_json::{Clock, ticket_json};

use crate::shop::{Event, How, Shop, Ticket, What};
use crate::terminal_sim::{Answer, Ask, Pos, PosError, Terminal, ask_hpa, ask_pax};

/// How long the till waits for its terminal before it asks again.
const TERMINAL_WAIT: Duration = Duration::from_millis(1500);

/// Pause between two tries of anything.
const RETRY: Duration = Duration::from_millis(100);

/// The line to the terminal, through the agent's tap.
#[derive(Debug)]
pub enum Line {
    /// The till opens a connection for each command.
    Tcp(SocketAddr),
    /// A cable.
    Serial(Box<Pos<DuplexStream>>),
    /// A terminal that speaks PAX, a connection for each command.
    Pax(SocketAddr),
    /// One that speaks HPA, likewise.
    Hpa(SocketAddr),
}

/// One register's till.
#[derive(Debug)]
pub struct Till {
    /// Where the agent listens.
    pub agent: SocketAddr,
    /// The secret it shows.
    pub secret: String,
    /// The line to its terminal.
    pub line: Line,
    /// The terminal itself, to put the customer's card in.
    pub terminal: Terminal,
    /// The clock on its wall.
    pub clock: Clock,
    /// Percentage of tellings that are repeated although they were taken.
    pub repeats: u32,
    rng: ChaCha8Rng,
    requests: u64,
}

/// What became of a telling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// How often it was sent before it was taken.
    pub tries: u32,
    /// Whether it was sent once more on purpose.
    pub repeated: bool,
    /// The agent's last answer.
    pub answer: String,
}

impl Till {
    /// A till that behaves itself.
    #[must_use]
    pub fn new(
        agent: SocketAddr,
        secret: &str,
        line: Line,
        terminal: Terminal,
        clock: Clock,
        seed: u64,
    ) -> Self {
        Self {
            agent,
            secret: secret.to_owned(),
            line,
            terminal,
            clock,
            repeats: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            // far from the numbers of other runs on the same terminal
            requests: seed % 1000 * 1000,
        }
    }

    /// Lets an event happen at this till and returns once the agent has taken it.
    ///
    /// # Errors
    /// When the agent refuses it for good, or nothing is taken within `patience`.
    pub async fn tell(
        &mut self,
        shop: &Shop,
        date: Date,
        event: &Event,
        patience: Duration,
    ) -> anyhow::Result<Told> {
        let telling = async {
            let place = &shop.stores[event.store];
            let stamps = Stamps::new(date, event.second, self.clock, place.utc_hours);
            self.terminal.set_clock(&stamps.local);
            self.take_money(&event.what).await?;
            self.push(shop, date, event).await
        };
        let who = format!(
            "store {} register {} number {}",
            event.store + 1,
            event.register + 1,
            event.number
        );
        match tokio::time::timeout(patience, telling).await {
            Ok(told) => told.with_context(|| format!("tell the agent of {who}")),
            Err(_) => bail!("the agent did not take {who} within {patience:?}"),
        }
    }

    async fn push(&mut self, shop: &Shop, date: Date, event: &Event) -> anyhow::Result<Told> {
        let (path, body) = telling(shop, date, self.clock, event);
        let mut told = Told::default();
        loop {
            told.tries += 1;
            match http::post(self.agent, path, &self.secret, body.as_bytes()).await {
                Ok(answer) if answer.status == 200 => {
                    told.answer = answer.body;
                    break;
                }
                // busy or starting: the sale waits at the till
                Ok(answer) if answer.status >= 500 || answer.status == 429 => {}
                Ok(answer) => bail!("{path} answered {}: {}", answer.status, answer.body),
                Err(_) => {}
            }
            tokio::time::sleep(RETRY).await;
        }
        if self.rng.random_range(0..100) < self.repeats {
            told.repeated = true;
            // whatever the answer: it was taken already
            let _answer = http::post(self.agent, path, &self.secret, body.as_bytes()).await;
        }
        Ok(told)
    }

    async fn take_money(&mut self, what: &What) -> anyhow::Result<()> {
        match what {
            What::Ticket(ticket) => {
                for payment in &ticket.payments {
                    if let How::Card { brand, last4 } = &payment.how {
                        self.terminal.insert_card(brand, last4);
                        let ask = ask(ticket, payment.amount);
                        let answer = self.ask(&ask).await?;
                        if !answer.approved || answer.amount != payment.amount.abs() {
                            bail!("the terminal answered {answer:?} to {ask:?}");
                        }
                    }
                }
                Ok(())
            }
            What::Void(ticket) => self.give_money_back(ticket).await,
            _ => Ok(()),
        }
    }

    async fn give_money_back(&mut self, ticket: &Ticket) -> anyhow::Result<()> {
        let invoice = ticket.number.to_string();
        let taken: Vec<_> = self
            .terminal
            .approvals()
            .into_iter()
            .filter(|a| a.invoice == invoice)
            .collect();
        for approval in taken {
            self.terminal.insert_card(&approval.brand, &approval.last4);
            self.ask(&Ask::Void {
                number: approval.number,
            })
            .await?;
        }
        Ok(())
    }

    /// Asks the terminal until it answers: the request keeps its number, so that nothing moves twice.
    ///
    /// # Errors
    /// When no connection can be made for another reason than that nobody listens yet.
    pub async fn ask(&mut self, ask: &Ask) -> anyhow::Result<Answer> {
        self.requests += 1;
        loop {
            match self.ask_once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(PosError::Again(_) | PosError::Line(_) | PosError::Silence(_)) => {
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn ask_once(&mut self, ask: &Ask) -> Result<Answer, PosError> {
        match &mut self.line {
            Line::Tcp(address) => {
                let stream = TcpStream::connect(*address).await?;
                stream.set_nodelay(true)?;
                Pos::new(stream, "12")
                    .ask(ask, self.requests, TERMINAL_WAIT)
                    .await
            }
            Line::Serial(pos) => pos.ask(ask, self.requests, TERMINAL_WAIT).await,
            Line::Pax(address) => in_time(ask_pax(*address, ask, self.requests)).await,
            Line::Hpa(address) => {
                let taken = self.terminal.approvals();
                let original = taken.iter().find(|approval| match ask {
                    Ask::Void { number } => approval.number == *number,
                    _ => false,
                });
                let original = original.map(|approval| approval.gateway);
                in_time(ask_hpa(*address, ask, self.requests, original)).await
            }
        }
    }
}

async fn in_time(asking: impl Future<Output = Result<Answer, PosError>>) -> Result<Answer, PosError> {
    match tokio::time::timeout(TERMINAL_WAIT, asking).await {
        Ok(answered) => answered,
        Err(_) => Err(PosError::Silence(TERMINAL_WAIT)),
    }
}

fn ask(ticket: &Ticket, amount: i64) -> Ask {
    let invoice = ticket.number.to_string();
    if amount >= 0 {
        Ask::Sale { invoice, amount }
    } else {
        Ask::Refund {
            invoice,
            amount: -amount,
        }
    }
}

/// Where and in which words an event is told.
#[must_use]
pub fn telling(shop: &Shop, date: Date, clock: Clock, event: &Event) -> (&'static str, String) {
    match &event.what {
        What::Ticket(ticket) => (
            "/v1/tickets",
            ticket_json(shop, event, ticket, date, clock, false),
        ),
        What::Void(ticket) => ("/v1/tickets", ticket_json(shop, event, ticket, date, clock, true)),
        _ => ("/v1/till-events", event_json(shop, date, clock, event)),
    }
}
