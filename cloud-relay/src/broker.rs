//! The relay behind a broker that others run (Mosquitto, RabbitMQ, EMQX): a client of it that hears every device's up
//! topic and speaks on their down topics, beside or instead of the [`endpoint`](crate::endpoint).
//!
//! The broker is a pipe and is trusted with nothing: what a device says is signed by the device, what the relay says by the
//! relay, and only a receipt lets an agent forget. So nothing has to be kept there, and the session is clean.
//!
//! | at the broker | what follows |
//! |---|---|
//! | it is killed, wiped or another one takes its place | lines end; agents hear no receipt and send again |
//! | it confirms to an agent what never arrives here | the same |
//! | it delivers twice, or late | a receipt again |
//! | a stranger speaks on a device's topic | the signature refuses it; no line begins by it |
//! | this relay stops between commit and PUBACK | it is delivered again, or the agent sends it again |
//! | a device is revoked | it is refused at once, whatever the broker still lets in |
//!
//! PUBACK goes to the broker after our commit, in the order in which messages came.

mod line;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use rumqttc::{
    AckMode, AsyncClient, EventLoop, Incoming, MqttOptions, Publish, QoS, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use tillwire_proto::{DOWN_LEN_MAX, Direction, Envelope, Topic, UP_LEN_MAX};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::endpoint::{DeviceIdentity, DeviceRef, Downlink, Ingest as _};
use crate::ingest::RelayIngest;
use crate::store::devices::DeviceRow;
use line::Line;

/// Every device's up topic.
const EVERY_UP: &str = "tillwire/v1/+/+/up";

/// As whom the relay connects; the name in its certificate for the broker.
pub const CLIENT_ID: &str = "tillwire-relay";

/// From the first packet to SUBACK.
const CONNECT_TIME: Duration = Duration::from_secs(15);

/// Messages that wait for their commit at once.
const PENDING_MAX: usize = 256;

/// Messages down and confirmations that wait to be written.
const OUTBOX: usize = 1024;

/// Largest packet that does not end the connection. A device's are smaller and are judged by themselves; a stranger's must
/// not cut everybody off.
const PACKET_LEN_MAX: usize = 1024 * 1024;

/// Between two tries, at first and at most; each is drawn between half of it and the whole.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(20);

/// A connection that lived so long makes the next pause short again.
const USEFUL: Duration = Duration::from_secs(60);

/// How soon confirmations that found no room are tried again.
const ACK_AGAIN: Duration = Duration::from_millis(5);

/// Messages down that the broker has not confirmed.
const INFLIGHT_MAX: u16 = 512;

type Answer = Pin<Box<dyn Future<Output = Publish> + Send>>;

/// The way through a broker.
pub struct Broker {
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
    ingest: Arc<RelayIngest>,
    downlink: Downlink,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({}:{})", self.host, self.port)
    }
}

impl Broker {
    /// To the broker at `host:port`; `tls` comes from [`crate::pki::Pki::broker_client_config`].
    ///
    /// # Errors
    /// When there is no port.
    pub fn new(
        address: &str,
        tls: Arc<ClientConfig>,
        ingest: Arc<RelayIngest>,
        downlink: Downlink,
    ) -> anyhow::Result<Self> {
        let (host, port) = split(address).with_context(|| {
            format!("broker.address: found {address:?}, wanted host:port such as mqtt.example:8883")
        })?;
        Ok(Self {
            host,
            port,
            tls,
            ingest,
            downlink,
        })
    }

    /// Goes on until `stop`; connects again whenever the connection ends.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = *PAUSE.start();
        loop {
            let began = Instant::now();
            match self.connection(&stop).await {
                Ok(()) => return,
                Err(error) => tracing::warn!("broker {}:{}: {error:#}", self.host, self.port),
            }
            if began.elapsed() >= USEFUL {
                pause = *PAUSE.start();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(drawn(pause)) => {}
            }
            pause = (2 * pause).min(*PAUSE.end());
        }
    }

    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(CLIENT_ID, (self.host.clone(), self.port));
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(
            &self.tls,
        ))));
        options.set_clean_session(true);
        options.set_keep_alive(30);
        options.set_ack_mode(AckMode::Manual);
        options.set_max_packet_size(PACKET_LEN_MAX, DOWN_LEN_MAX + 512);
        options.set_inflight(INFLIGHT_MAX);
        options
    }

    /// One connection, from TCP to its end. `Ok` when it was told to stop.
    async fn connection(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let address = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let address = address.context("its name is not found")?.next();
        let address = address.context("its name has no address")?;
        let (client, mut event_loop) = AsyncClient::builder(self.options()).capacity(OUTBOX).build();
        let mut network = event_loop.network_options();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(10);
        event_loop.set_network_options(network);
        tokio::time::timeout(CONNECT_TIME, listen(&client, &mut event_loop))
            .await
            .map_err(|_| anyhow!("found no answer within {} s", CONNECT_TIME.as_secs()))??;
        tracing::info!("connected to the broker at {}:{}", self.host, self.port);
        let (sender, mut heard) = mpsc::channel(PENDING_MAX);
        let mut poller = Poller(tokio::spawn(poll(event_loop, sender)));
        let mut lines = Lines {
            broker: self,
            client: client.clone(),
            address,
            gone: CancellationToken::new(),
            live: HashMap::new(),
        };
        let mut answers: FuturesOrdered<Answer> = FuturesOrdered::new();
        let mut acks = VecDeque::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    if client.try_disconnect().is_ok() {
                        let _ = tokio::time::timeout(Duration::from_secs(1), &mut poller.0).await;
                    }
                    return Ok(());
                }
                publish = heard.recv(), if answers.len() < PENDING_MAX => match publish {
                    Some(Ok(publish)) => answers.push_back(lines.take(publish)),
                    Some(Err(why)) => bail!("{why}"),
                    None => bail!("the connection's task ended"),
                },
                Some(done) = answers.next(), if !answers.is_empty() => acks.push_back(done),
                () = tokio::time::sleep(ACK_AGAIN), if !acks.is_empty() => {}
            }
            while acks
                .front()
                .is_some_and(|publish| client.try_ack(publish).is_ok())
            {
                acks.pop_front();
            }
        }
    }
}

/// The devices that are heard through one connection.
struct Lines<'a> {
    broker: &'a Broker,
    client: AsyncClient,
    address: SocketAddr,
    /// The connection is gone, and all lines with it.
    gone: CancellationToken,
    live: HashMap<DeviceRef, Line>,
}

impl Drop for Lines<'_> {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

impl Lines<'_> {
    /// Hands a message to the ingest. What it comes to is confirmed to the broker either way: a message that is refused now
    /// is refused the next time too, and a device whose message was not stored hears it from us.
    fn take(&mut self, publish: Publish) -> Answer {
        let who = match device(&publish.topic) {
            Ok(who) => who,
            Err(error) => {
                tracing::warn!("broker: {error:#}");
                return Box::pin(std::future::ready(publish));
            }
        };
        let Some(row) = self.broker.ingest.registry().active(&who) else {
            tracing::warn!("broker: {who} speaks and is not admitted");
            return Box::pin(std::future::ready(publish));
        };
        let identity = self.line(who, &row, &publish);
        let ingest = Arc::clone(&self.broker.ingest);
        Box::pin(async move {
            // the ingest says in the log what it refuses, and tells the device
            let _ = ingest.publish(&identity, publish.payload.clone()).await;
            publish
        })
    }

    /// The device's line, which begins with the first message that it signed.
    fn line(&mut self, who: DeviceRef, row: &DeviceRow, publish: &Publish) -> Arc<DeviceIdentity> {
        if let Some(line) = self.live.get(&who)
            && line.identity.key_fingerprint == row.fingerprint
            && line.heard(publish.payload.len())
        {
            return Arc::clone(&line.identity);
        }
        let identity = Arc::new(identity(who.clone(), row));
        let signed = Envelope::open(&publish.payload, UP_LEN_MAX)
            .and_then(|envelope| envelope.verify_device(&row.public_key));
        if signed.is_ok() {
            let registered = self.broker.downlink.line(&identity, self.address);
            let line = Line::begin(
                (Arc::clone(&identity), self.address),
                registered,
                Arc::clone(&self.broker.ingest),
                self.client.clone(),
                self.gone.clone(),
            );
            line.heard(publish.payload.len());
            self.live.insert(who, line);
        }
        identity
    }
}

/// Who a message on this topic is from, if it is what it says.
fn device(topic: &[u8]) -> anyhow::Result<DeviceRef> {
    let topic: Topic = std::str::from_utf8(topic)
        .context("found a topic that is no text")?
        .parse()?;
    if topic.direction != Direction::Up {
        bail!("found {topic}, wanted an up topic");
    }
    Ok(DeviceRef {
        tenant: topic.tenant,
        device: topic.device,
    })
}

/// Who a device is by the registry, since its certificate was shown to the broker and not to us.
fn identity(device: DeviceRef, row: &DeviceRow) -> DeviceIdentity {
    DeviceIdentity {
        device,
        public_key: Arc::from(row.public_key.as_slice()),
        key_fingerprint: row.fingerprint,
        serial: String::new(),
        not_after: i64::MAX,
    }
}

/// Polls until the first error. It runs beside the commits, so that keep-alives are sent during a slow one.
async fn poll(mut event_loop: EventLoop, heard: mpsc::Sender<Result<Publish, String>>) {
    loop {
        let event = match event_loop.poll().await {
            Ok(rumqttc::Event::Incoming(Incoming::Publish(publish))) => Ok(publish),
            Ok(_) => continue,
            Err(error) => Err(error.to_string()),
        };
        let over = event.is_err();
        if heard.send(event).await.is_err() || over {
            return;
        }
    }
}

struct Poller(JoinHandle<()>);

impl Drop for Poller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// From TCP to SUBACK.
async fn listen(client: &AsyncClient, event_loop: &mut EventLoop) -> anyhow::Result<()> {
    loop {
        match event_loop
            .poll()
            .await
            .map_err(|e| anyhow!("cannot connect: {e}"))?
        {
            rumqttc::Event::Incoming(Incoming::ConnAck(_)) => {
                client
                    .try_subscribe(EVERY_UP, QoS::AtLeastOnce)
                    .context("cannot subscribe")?;
            }
            rumqttc::Event::Incoming(Incoming::SubAck(ack)) => {
                let refused = |code: &rumqttc::SubscribeReasonCode| {
                    !matches!(code, rumqttc::SubscribeReasonCode::Success(_))
                };
                if ack.return_codes.iter().any(refused) {
                    bail!(
                        "it refused the subscription to {EVERY_UP}; `tillwire-relay broker prepare` writes its rules"
                    );
                }
                return Ok(());
            }
            _ => {}
        }
    }
}

fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

/// Between half of `pause` and the whole, so that relays and brokers that start together do not stay together.
fn drawn(pause: Duration) -> Duration {
    let chance = crate::random::<1>().map_or(128, |[byte]| u32::from(byte));
    pause / 2 + pause / 2 * chance / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_devices_own_up_topic_names_a_device() {
        let who = device(b"tillwire/v1/acme/d1/up").unwrap();
        assert_eq!(who.to_string(), "acme/d1");
        for topic in [
            &b"tillwire/v1/acme/d1/down"[..],
            b"tillwire/v1/acme/+/up",
            b"tillwire/v2/acme/d1/up",
            b"$SYS/broker/uptime",
            b"tillwire/v1/acme/d1/up/x",
            b"\xff\xfe",
            b"",
        ] {
            assert!(device(topic).is_err(), "{topic:?}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(split("mqtt.example:8883"), some("mqtt.example", 8883));
        assert_eq!(split("[::1]:1883"), some("::1", 1883));
        for bad in ["mqtt.example", ":8883", "mqtt.example:", "mqtt.example:99999"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn pauses_differ_and_stay_between_half_and_whole() {
        let pause = Duration::from_secs(60);
        let all: Vec<Duration> = (0..64).map(|_| drawn(pause)).collect();
        assert!(all.iter().all(|drawn| (pause / 2..=pause).contains(drawn)));
        assert!(all.iter().any(|drawn| *drawn != all[0]));
    }
}
