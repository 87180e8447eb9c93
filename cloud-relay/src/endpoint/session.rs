//! One device's MQTT conversation as a machine: bytes in, bytes out, and one closed [`Step`] at a time.
//!
//! Knows no socket, no clock and no task; `connection` drives it. It reads and writes packets with the codec's packet
//! types and keeps the conversation's state itself, because what a device may say here is far less than what MQTT
//! allows, and because the codec's own connection type can be made to panic by a legal CONNECT
//! (`TopicAliasMaximum` 0, version 0.7.9).
//!
//! Sizes are judged from the fixed header alone, before a byte of the body is awaited.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use mqtt_protocol_core::mqtt::common::Arc;
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Qos, v3_1_1, v5_0};

use super::close::CloseReason;
use super::frame::{Head, Kind, head};
use super::identity::DeviceRef;
use super::limits::Limits;

mod connect;
mod down;
mod publish;
mod subscribe;

/// The two protocol versions that are spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More bytes are needed.
    Wait,
    /// A packet was dealt with; look again.
    Done,
    /// A sound CONNECT: answer with [`Session::accept`] or [`Session::close`].
    Connect,
    /// A publish on the device's own topic, to be answered with [`Session::acknowledge`] or [`Session::close`].
    Publish { packet_id: u16, payload: Bytes },
    /// The device now listens (or no longer listens) to its down topic.
    Listening(bool),
    /// A subscription to a topic that is not the device's own was refused.
    SubscriptionRefused,
    /// The conversation is over; call [`Session::close`] with this reason.
    Close(CloseReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    AwaitingConnect,
    Connecting,
    Connected,
    Closed,
}

/// See the module head.
#[derive(Debug)]
pub(crate) struct Session {
    up_topic: String,
    down_topic: String,
    limits: Limits,
    phase: Phase,
    version: Option<Version>,
    asked: connect::Asked,
    listening: Option<Qos>,
    refused_subscriptions: u32,
    down: down::Window,
}

impl Session {
    /// A conversation with `device`, before its CONNECT.
    pub(crate) fn new(device: &DeviceRef, limits: Limits) -> Self {
        Self {
            up_topic: device.up_topic(),
            down_topic: device.down_topic(),
            limits,
            phase: Phase::AwaitingConnect,
            version: None,
            asked: connect::Asked::default(),
            listening: None,
            refused_subscriptions: 0,
            down: down::Window::default(),
        }
    }

    /// Deals with at most one packet at the front of `input`; answers are appended to `out`.
    pub(crate) fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Step {
        if self.phase == Phase::Closed {
            return Step::Wait;
        }
        let (kind, flags, header, body) = match head(input) {
            Head::Incomplete => return Step::Wait,
            Head::NotAllowed => return Step::Close(CloseReason::Protocol),
            Head::Malformed => return Step::Close(CloseReason::Malformed),
            Head::Packet {
                kind,
                flags,
                header,
                body,
            } => (kind, flags, header, body),
        };
        if (kind == Kind::Connect) != (self.phase == Phase::AwaitingConnect)
            || self.phase == Phase::Connecting
        {
            return Step::Close(CloseReason::Protocol);
        }
        if header + body > self.packet_size_max(kind) {
            return Step::Close(CloseReason::PacketTooLarge);
        }
        if input.len() < header + body {
            return Step::Wait;
        }
        let packet: Arc<[u8]> = Arc::from(&input[header..header + body]);
        input.advance(header + body);
        match self.packet(kind, flags, packet, out) {
            Ok(step) => step,
            Err(reason) => Step::Close(reason),
        }
    }

    /// Bytes that one packet of this kind may have, fixed header included.
    fn packet_size_max(&self, kind: Kind) -> usize {
        match kind {
            Kind::Publish => self.limits.packet_size_max,
            _ => self.limits.control_packet_size_max,
        }
    }

    fn packet(
        &mut self,
        kind: Kind,
        flags: u8,
        body: Arc<[u8]>,
        out: &mut BytesMut,
    ) -> Result<Step, CloseReason> {
        match kind {
            Kind::Connect => self.connect(&body),
            Kind::Publish => self.publish(flags, &body),
            Kind::Puback => self.puback(&body),
            Kind::Subscribe => self.subscribe(&body, out),
            Kind::Unsubscribe => self.unsubscribe(&body, out),
            Kind::Pingreq if body.is_empty() => {
                self.write(&v3_1_1::Pingresp::new().into(), out);
                Ok(Step::Done)
            }
            Kind::Pingreq => Err(CloseReason::Malformed),
            Kind::Disconnect => Err(self.goodbye(&body)),
        }
    }

    fn goodbye(&self, body: &[u8]) -> CloseReason {
        let sound = match self.version {
            Some(Version::V5) => v5_0::Disconnect::parse(body).is_ok_and(|(_, used)| used == body.len()),
            _ => body.is_empty(),
        };
        if sound {
            CloseReason::Goodbye
        } else {
            CloseReason::Malformed
        }
    }

    /// Ends the conversation, telling the device why where its protocol version has a way to.
    pub(crate) fn close(&mut self, reason: &CloseReason, out: &mut BytesMut) {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        if matches!(reason, CloseReason::Goodbye | CloseReason::Lost) {
            return;
        }
        match (phase, self.version) {
            (Phase::Connecting, Some(version)) => self.refuse(version, reason, out),
            // an unknown version has to be answered in the oldest form (MQTT 3.1.1 section 3.1.2.2)
            (Phase::AwaitingConnect, _) if *reason == CloseReason::Version => out.put_slice(&[0x20, 2, 0, 1]),
            (Phase::Connected, Some(Version::V5)) => {
                if let Ok(packet) = v5_0::Disconnect::builder().reason_code(reason.code()).build() {
                    self.write(&packet.into(), out);
                }
            }
            _ => {}
        }
    }

    /// Appends a packet. One that is larger than the device takes is left out: MQTT 5 forbids sending it
    /// (section 3.1.2.11.4), and only acknowledgements and closing words can be concerned.
    fn write(&self, packet: &Packet, out: &mut BytesMut) {
        if packet.size() <= self.asked.packet_size_max {
            out.put_slice(&packet.to_continuous_buffer());
        }
    }
}

#[cfg(test)]
mod tests;
