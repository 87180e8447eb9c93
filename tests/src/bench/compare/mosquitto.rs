//! Mosquitto with persistence in the store, bridged to a Mosquitto with persistence at the centre, `QoS` 1 throughout.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use tillwire_proto::Digest;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Contender, OUTSTANDING, installed};
use crate::link_sim::Link;
use crate::program::Program;
use crate::world::{free_port, until};

const TOPIC: &str = "sales";

/// A broker answers within this time, or not at all.
const ANSWER: Duration = Duration::from_secs(60);

/// As the package installs it, with the queue's limits lifted.
pub(super) struct AsInstalled(Bridge);

/// The most durable that it offers: its database is written anew, and synced, after each change.
pub(super) struct SavedEachTime(Bridge);

struct Bridge {
    edge: Program,
    _centre: Program,
    link: Link,
    address: SocketAddr,
    seen: Arc<Mutex<HashSet<Digest>>>,
    listening: JoinHandle<Result<()>>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

macro_rules! contender {
    ($which:ident, $name:literal, $tickets:expr, $saving:literal) => {
        impl Contender for $which {
            const TICKETS: usize = $tickets;

            fn name() -> &'static str {
                $name
            }

            async fn open(dir: &Path, edge: &Path) -> Result<Self> {
                Ok(Self(Bridge::open(dir, edge, $saving).await?))
            }

            fn edge(&self) -> &Program {
                &self.0.edge
            }

            fn link(&self) -> &Link {
                &self.0.link
            }

            async fn accept(&self, tickets: &[String]) -> Result<()> {
                self.0.accept(tickets).await
            }

            async fn back(&self) -> Result<()> {
                answers(self.0.address).await
            }

            async fn arrived(&self) -> Result<usize> {
                Ok(self
                    .0
                    .seen
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .len())
            }
        }
    };
}

contender!(AsInstalled, "Mosquitto bridge, as installed", super::TICKETS, "");
contender!(
    SavedEachTime,
    "Mosquitto bridge, saved after each change",
    // It writes its whole backlog each time.
    1_000,
    "autosave_interval 1\nautosave_on_changes true\n"
);

impl Bridge {
    async fn open(dir: &Path, edge: &Path, saving: &str) -> Result<Self> {
        let (address, centre_address) = (free_port()?, free_port()?);
        let at_centre = dir.join("centre");
        let centre = broker(dir, "centre", centre_address, &at_centre, "")?;
        answers(centre_address).await?;
        let seen = Arc::default();
        let listening = tokio::spawn(listen(centre_address, Arc::clone(&seen)));
        let link = Link::open(7, centre_address).await?;
        let bridge = format!(
            "{saving}connection centre\naddress {}\ntopic {TOPIC} out 1\ncleansession false\nrestart_timeout 1\n\
             notifications false\ntry_private false\n",
            link.address()
        );
        let edge = broker(dir, "edge", address, edge, &bridge)?;
        answers(address).await?;
        Ok(Self {
            edge,
            _centre: centre,
            link,
            address,
            seen,
            listening,
        })
    }

    async fn accept(&self, tickets: &[String]) -> Result<()> {
        let (client, mut events) = client(self.address, "till");
        let offers = tickets.to_vec();
        let offering = tokio::spawn(async move {
            for ticket in offers {
                let options = PublishOptions::new(QoS::AtLeastOnce);
                client.publish(TOPIC, ticket, options).await?;
            }
            anyhow::Ok(client)
        });
        let mut acknowledged = 0;
        while acknowledged < tickets.len() {
            let event = tokio::time::timeout(ANSWER, events.poll())
                .await
                .context("the broker acknowledges nothing")?;
            if let Event::Incoming(Packet::PubAck(_)) = event? {
                acknowledged += 1;
            }
        }
        offering.await??;
        Ok(())
    }
}

fn broker(dir: &Path, name: &str, address: SocketAddr, held: &Path, more: &str) -> Result<Program> {
    std::fs::create_dir_all(held)?;
    let mut text = format!(
        "listener {} {}\nallow_anonymous true\npersistence true\npersistence_location {}/\nmax_queued_messages 0\n\
         max_inflight_messages 0\nset_tcp_nodelay true\n{more}",
        address.port(),
        address.ip(),
        held.display()
    );
    if rustix::process::geteuid().is_root() {
        // else it gives its rights up, and cannot write where only we may
        text.insert_str(0, "user root\n");
    }
    let config = dir.join(format!("{name}.conf"));
    std::fs::write(&config, text)?;
    let log = dir.join(format!("{name}.log"));
    let program = Program::new(
        name,
        &installed("mosquitto")?,
        vec!["-c".into(), config.into()],
        &log,
    );
    program.start()?;
    Ok(program)
}

async fn answers(address: SocketAddr) -> Result<()> {
    let ask = async || Ok(TcpStream::connect(address).await.ok().map(drop));
    until("a broker answers", ANSWER, ask).await
}

fn client(address: SocketAddr, name: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, (address.ip().to_string(), address.port()));
    options.set_clean_session(name == "till");
    options.set_inflight(u16::try_from(OUTSTANDING).unwrap_or(u16::MAX));
    AsyncClient::builder(options).capacity(OUTSTANDING).build()
}

/// What a consumer at the centre gets, each ticket once however often it comes.
async fn listen(address: SocketAddr, seen: Arc<Mutex<HashSet<Digest>>>) -> Result<()> {
    let (client, mut events) = client(address, "books");
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => client.subscribe(TOPIC, QoS::AtLeastOnce).await?,
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let digest = Digest::of(&publish.payload);
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
