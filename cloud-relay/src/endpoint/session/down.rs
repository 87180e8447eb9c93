//! PUBLISH towards the device, and the PUBACKs that it owes for them.

use std::collections::HashSet;

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::{Packet, Qos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;

use super::connect::exact;
use super::{Phase, Session, Step, Version};
use crate::endpoint::close::CloseReason;

/// Bytes that a PUBLISH adds to topic and payload at most: fixed header 5, topic length 2, packet id 2, properties 1.
const OVERHEAD: usize = 10;

/// The packet ids that the device has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Window {
    unanswered: HashSet<u16>,
    last: u16,
}

impl Window {
    /// The next free id, round and round; never 0. At most `down_in_flight_max` are taken, so one is always found.
    fn take(&mut self) -> u16 {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if self.unanswered.insert(self.last) {
                return self.last;
            }
        }
    }
}

impl Session {
    /// Whether another message may be written now.
    pub(crate) fn may_deliver(&self) -> bool {
        let window = self.limits.down_in_flight_max.min(self.asked.receive_max);
        self.phase == Phase::Connected && self.down.unanswered.len() < usize::from(window)
    }

    /// Payload bytes that this device takes at most.
    pub(crate) fn deliverable_max(&self) -> usize {
        let fits = self
            .asked
            .packet_size_max
            .saturating_sub(self.down_topic.len() + OVERHEAD);
        fits.min(self.limits.down_payload_max)
    }

    /// Writes one message to the device's down topic, with QoS 1 if `acknowledged` and the device asked for it.
    /// False when the device does not listen (any more) or does not take a message of that size.
    pub(crate) fn deliver(&mut self, payload: &[u8], acknowledged: bool, out: &mut BytesMut) -> bool {
        let Some(granted) = self.listening else {
            return false;
        };
        if payload.len() > self.deliverable_max() {
            return false;
        }
        let qos = if acknowledged { granted } else { Qos::AtMostOnce };
        let packet_id = (qos == Qos::AtLeastOnce).then(|| self.down.take());
        let topic = self.down_topic.as_str();
        let packet: Result<Packet, MqttError> = match self.version {
            Some(Version::V5) => v5_0::Publish::builder()
                .topic_name(topic)
                .and_then(|packet| packet.qos(qos).packet_id(packet_id).payload(payload).build())
                .map(Into::into),
            _ => v3_1_1::Publish::builder()
                .topic_name(topic)
                .and_then(|packet| packet.qos(qos).packet_id(packet_id).payload(payload).build())
                .map(Into::into),
        };
        let Ok(packet) = packet else { return false };
        self.write(&packet, out);
        true
    }

    pub(super) fn puback(&mut self, body: &[u8]) -> Result<Step, CloseReason> {
        let packet_id = match self.version {
            Some(Version::V5) => exact(body, v5_0::Puback::parse(body))?.packet_id(),
            _ => exact(body, v3_1_1::Puback::parse(body))?.packet_id(),
        };
        if self.down.unanswered.remove(&packet_id) {
            Ok(Step::Done)
        } else {
            Err(CloseReason::Protocol)
        }
    }
}
