//! One device as it is heard through the broker. MQTT does not tell us when it goes; it says hello every five minutes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::{AsyncClient, PublishOptions, QoS};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::endpoint::{CloseReason, Delivery, DeviceIdentity, Event, Ingest as _, LineIn, Registered};
use crate::ingest::RelayIngest;

/// A device that was silent for so long is away: two of its hellos, and some.
const SILENT: Duration = Duration::from_secs(11 * 60);

/// A device's line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) identity: Arc<DeviceIdentity>,
    line: LineIn,
    spoke: Arc<Notify>,
    over: CancellationToken,
}

impl Line {
    /// Begins it: what is for the device goes to the broker until the line ends.
    pub(super) fn begin(
        (identity, address): (Arc<DeviceIdentity>, SocketAddr),
        registered: Registered,
        ingest: Arc<RelayIngest>,
        client: AsyncClient,
        gone: CancellationToken,
    ) -> Self {
        let line = Self {
            identity: Arc::clone(&identity),
            line: registered.line_in(),
            spoke: Arc::default(),
            over: CancellationToken::new(),
        };
        if let Some(old) = registered.replaced {
            ingest.event(Event::TakenOver {
                identity: Arc::clone(&identity),
                old,
                new: address,
            });
        }
        ingest.event(Event::Connected {
            identity: Arc::clone(&identity),
            address,
        });
        let (spoke, over) = (Arc::clone(&line.spoke), line.over.clone());
        tokio::spawn(async move {
            let reason = forward(&identity, registered, &client, &gone, &spoke).await;
            over.cancel();
            ingest.event(Event::Disconnected {
                identity,
                address,
                reason,
            });
        });
        line
    }

    /// Notes that the device spoke. False when the line is over.
    pub(super) fn heard(&self, bytes: usize) -> bool {
        self.line.heard(bytes);
        self.spoke.notify_one();
        !self.over.is_cancelled()
    }
}

async fn forward(
    identity: &DeviceIdentity,
    mut registered: Registered,
    client: &AsyncClient,
    gone: &CancellationToken,
    spoke: &Notify,
) -> CloseReason {
    let down = identity.device.down_topic();
    loop {
        tokio::select! {
            () = gone.cancelled() => return CloseReason::Lost,
            why = registered.cut.recv() => return why.unwrap_or(CloseReason::Lost),
            message = registered.queue.recv() => {
                let Some((payload, delivery)) = message else { return CloseReason::Lost };
                let qos = match delivery {
                    Delivery::Acknowledged => QoS::AtLeastOnce,
                    Delivery::Plain => QoS::AtMostOnce,
                };
                registered.traffic.bytes_out.fetch_add(payload.len() as u64, Ordering::Relaxed);
                let sent = client.publish(down.as_str(), payload, PublishOptions::new(qos));
                tokio::select! {
                    sent = sent => if sent.is_err() { return CloseReason::Lost },
                    () = gone.cancelled() => return CloseReason::Lost,
                }
            }
            spoken = tokio::time::timeout(SILENT, spoke.notified()) => {
                if spoken.is_err() {
                    return CloseReason::KeepAlive;
                }
            }
        }
    }
}
