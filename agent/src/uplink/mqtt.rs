//! The line over MQTT 3.1.1 and TLS, by `rumqttc`.
//!
//! How its known pitfalls are met: each connection gets a client and an event loop of its own, so that no state of an
//! old one lives on; sessions are clean; sending is refused and never awaited; both packet limits are set; nothing is
//! sent before SUBACK; what matters is confirmed by receipts, never by PUBACK.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rumqttc::{
    AsyncClient, EventLoop, Incoming, MqttOptions, PublishOptions, QoS, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use tillwire_proto::{DOWN_LEN_MAX, Topic, UP_LEN_MAX};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::line::{Event, Line};

/// From the first packet to SUBACK.
const CONNECT_TIME: Duration = Duration::from_secs(15);

/// Messages handed over but not yet written; the machine's window is smaller.
const OUTBOX: usize = 32;

/// Head of a PUBLISH packet: fixed header, topic and packet id.
const PACKET_HEAD_MAX: usize = 512;

/// Where and as whom to connect.
#[derive(Debug, Clone)]
pub struct Address {
    /// Host name or IP address; the relay's certificate must name it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The topic to publish.
    pub up: Topic,
    /// The topic to listen to.
    pub down: Topic,
    /// MQTT keep-alive, in seconds.
    pub keep_alive_s: u16,
}

/// Splits `host:port`; an IPv6 address stands in brackets.
///
/// # Errors
/// When there is no port.
pub fn split_host_port(text: &str) -> anyhow::Result<(String, u16)> {
    let wanted = || format!("found address {text:?}, wanted host:port such as relay.example.com:8883");
    let (host, port) = text.rsplit_once(':').with_context(wanted)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().with_context(wanted)?;
    if host.is_empty() {
        bail!(wanted());
    }
    Ok((host.to_owned(), port))
}

/// A line by MQTT.
#[derive(Debug)]
pub struct Mqtt {
    address: Address,
    tls: Arc<ClientConfig>,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    client: AsyncClient,
    events: mpsc::Receiver<Event>,
    poller: JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

impl Mqtt {
    /// A line that is not connected yet.
    #[must_use]
    pub const fn new(address: Address, tls: Arc<ClientConfig>) -> Self {
        Self {
            address,
            tls,
            live: None,
        }
    }

    fn options(&self) -> MqttOptions {
        let Address {
            host,
            port,
            up,
            keep_alive_s,
            ..
        } = &self.address;
        let mut options = MqttOptions::new(up.device.as_str(), (host.clone(), *port));
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(
            &self.tls,
        ))));
        options.set_clean_session(true);
        options.set_keep_alive(*keep_alive_s);
        options.set_max_packet_size(DOWN_LEN_MAX + PACKET_HEAD_MAX, UP_LEN_MAX + PACKET_HEAD_MAX);
        options.set_inflight(64);
        options.set_max_request_batch(16);
        options
    }
}

impl Line for Mqtt {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.live = None;
        let (client, mut event_loop) = AsyncClient::builder(self.options()).capacity(OUTBOX).build();
        let mut network = event_loop.network_options();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(10);
        event_loop.set_network_options(network);
        let down = self.address.down.to_string();
        tokio::time::timeout(CONNECT_TIME, listen(&client, &mut event_loop, &down))
            .await
            .map_err(|_| anyhow!("the relay did not answer within {} s", CONNECT_TIME.as_secs()))??;
        let (sender, events) = mpsc::channel(OUTBOX);
        let poller = tokio::spawn(poll(event_loop, sender));
        self.live = Some(Live {
            client,
            events,
            poller,
        });
        Ok(())
    }

    fn send(&mut self, message: Vec<u8>) -> anyhow::Result<()> {
        let live = self.live.as_ref().context("not connected")?;
        let options = PublishOptions::new(QoS::AtLeastOnce);
        live.client
            .try_publish(self.address.up.to_string(), message, options)
            .context("the line takes nothing more")
    }

    async fn next_event(&mut self) -> Event {
        let Some(live) = &mut self.live else {
            return std::future::pending().await;
        };
        let event = live
            .events
            .recv()
            .await
            .unwrap_or_else(|| Event::Closed("the line's task ended".to_owned()));
        if matches!(event, Event::Closed(_)) {
            self.live = None;
        }
        event
    }

    async fn close(&mut self) {
        if let Some(mut live) = self.live.take()
            && live.client.try_disconnect().is_ok()
        {
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut live.poller).await;
        }
    }
}

/// From TCP to SUBACK.
async fn listen(client: &AsyncClient, event_loop: &mut EventLoop, down: &str) -> anyhow::Result<()> {
    loop {
        match event_loop
            .poll()
            .await
            .map_err(|e| anyhow!("cannot connect: {e}"))?
        {
            rumqttc::Event::Incoming(Incoming::ConnAck(_)) => {
                client
                    .try_subscribe(down, QoS::AtLeastOnce)
                    .context("cannot subscribe")?;
            }
            rumqttc::Event::Incoming(Incoming::SubAck(ack)) => {
                let refused = |code: &rumqttc::SubscribeReasonCode| {
                    !matches!(code, rumqttc::SubscribeReasonCode::Success(_))
                };
                if ack.return_codes.iter().any(refused) {
                    bail!("the relay refused the subscription to {down}");
                }
                return Ok(());
            }
            _ => {}
        }
    }
}

/// Polls until the first error. Connecting again is the machine's decision, with a new event loop.
async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<Event>) {
    loop {
        let event = match event_loop.poll().await {
            Ok(rumqttc::Event::Incoming(Incoming::Publish(publish))) => {
                Event::Message(publish.payload.to_vec())
            }
            Ok(_) => continue,
            Err(error) => Event::Closed(error.to_string()),
        };
        let closed = matches!(event, Event::Closed(_));
        if events.send(event).await.is_err() || closed {
            return;
        }
    }
}
