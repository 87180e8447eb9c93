//! CONNECT and CONNACK: what a device asked for, what it gets, and what is refused.

use std::time::Duration;

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::{
    AssignedClientIdentifier, MaximumPacketSize, MaximumQos, Packet, Properties, Property, ReceiveMaximum,
    RetainAvailable, ServerKeepAlive, SessionExpiryInterval, SharedSubscriptionAvailable,
    SubscriptionIdentifierAvailable, WildcardSubscriptionAvailable, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError,
};

use super::{Phase, Session, Step, Version};
use crate::endpoint::close::CloseReason;

/// What the device asked for in its CONNECT, as far as it matters later.
#[derive(Debug)]
pub(super) struct Asked {
    /// Seconds; 0 for none.
    keep_alive: u16,
    nameless: bool,
    wants_session: bool,
    /// Largest packet that the device takes.
    pub(super) packet_size_max: usize,
    /// Unanswered messages that the device takes.
    pub(super) receive_max: u16,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            keep_alive: 0,
            nameless: false,
            wants_session: false,
            packet_size_max: usize::MAX,
            receive_max: u16::MAX,
        }
    }
}

impl Session {
    pub(super) fn connect(&mut self, body: &[u8]) -> Result<Step, CloseReason> {
        // protocol name (2 + 4 bytes), then the version
        let version = match body.get(6) {
            Some(4) => Version::V3,
            Some(5) => Version::V5,
            Some(_) => return Err(CloseReason::Version),
            None => return Err(CloseReason::Malformed),
        };
        // the lowest flag is reserved (MQTT 3.1.1 section 3.1.2.3); the codec does not look at it
        if body.get(7).is_none_or(|flags| flags & 1 != 0) {
            return Err(CloseReason::Malformed);
        }
        let refused = match version {
            Version::V3 => self.read_v3(body)?,
            Version::V5 => self.read_v5(body)?,
        };
        self.version = Some(version);
        self.phase = Phase::Connecting;
        refused.map_or(Ok(Step::Connect), Err)
    }

    /// The outer error closes at once, the inner one is answered with CONNACK.
    fn read_v3(&mut self, body: &[u8]) -> Result<Option<CloseReason>, CloseReason> {
        let packet = exact(body, v3_1_1::Connect::parse(body))?;
        self.asked.keep_alive = packet.keep_alive();
        Ok(packet.will_flag().then_some(CloseReason::WillNotSupported))
    }

    fn read_v5(&mut self, body: &[u8]) -> Result<Option<CloseReason>, CloseReason> {
        let packet = exact(body, v5_0::Connect::parse(body))?;
        self.asked.keep_alive = packet.keep_alive();
        self.asked.nameless = packet.client_id().is_empty();
        let mut refused = packet.will_flag().then_some(CloseReason::WillNotSupported);
        for property in packet.props() {
            match property {
                Property::SessionExpiryInterval(seconds) => self.asked.wants_session = seconds.val() != 0,
                Property::MaximumPacketSize(bytes) => {
                    self.asked.packet_size_max = usize::try_from(bytes.val()).unwrap_or(usize::MAX);
                }
                Property::ReceiveMaximum(count) => self.asked.receive_max = count.val(),
                Property::AuthenticationMethod(_) => refused = Some(CloseReason::AuthenticationMethod),
                _ => {}
            }
        }
        Ok(refused)
    }

    /// The keep-alive that is enforced.
    fn keep_alive(&self) -> Duration {
        let asked = Duration::from_secs(u64::from(self.asked.keep_alive));
        let longest = self.limits.keep_alive_max;
        match self.version {
            _ if asked.is_zero() => longest,
            Some(Version::V5) => asked.clamp(self.limits.keep_alive_min.min(longest), longest),
            _ => asked.min(longest),
        }
    }

    /// Silence after which the connection is given up: one and a half keep-alives, as MQTT has it.
    pub(crate) fn silence_max(&self) -> Duration {
        self.keep_alive() * 3 / 2
    }

    /// Answers a CONNECT with yes. Sessions are always new: `session present` is never said.
    pub(crate) fn accept(&mut self, out: &mut BytesMut) {
        self.phase = Phase::Connected;
        let packet: Result<Packet, MqttError> = match self.version {
            Some(Version::V5) => v5_0::Connack::builder()
                .session_present(false)
                .reason_code(ConnectReasonCode::Success)
                .props(self.grants())
                .build()
                .map(Into::into),
            _ => v3_1_1::Connack::builder()
                .session_present(false)
                .return_code(ConnectReturnCode::Accepted)
                .build()
                .map(Into::into),
        };
        if let Ok(packet) = packet {
            self.write(&packet, out);
        }
    }

    /// What an MQTT 5 device has to know about this server (section 3.2.2.3).
    fn grants(&self) -> Properties {
        let keep_alive = u16::try_from(self.keep_alive().as_secs())
            .unwrap_or(u16::MAX)
            .max(1);
        let packet_size_max = u32::try_from(self.limits.packet_size_max).unwrap_or(u32::MAX);
        let mut properties: Vec<Result<Property, MqttError>> = vec![
            ReceiveMaximum::new(self.limits.receive_max.max(1)).map(Into::into),
            MaximumPacketSize::new(packet_size_max).map(Into::into),
            MaximumQos::new(1).map(Into::into),
            RetainAvailable::new(0).map(Into::into),
            WildcardSubscriptionAvailable::new(0).map(Into::into),
            SubscriptionIdentifierAvailable::new(0).map(Into::into),
            SharedSubscriptionAvailable::new(0).map(Into::into),
        ];
        if keep_alive != self.asked.keep_alive {
            properties.push(ServerKeepAlive::new(keep_alive).map(Into::into));
        }
        if self.asked.wants_session {
            properties.push(SessionExpiryInterval::new(0).map(Into::into));
        }
        if self.asked.nameless {
            properties.push(AssignedClientIdentifier::new("device").map(Into::into));
        }
        properties.into_iter().flatten().collect()
    }

    /// Answers a CONNECT with no.
    pub(super) fn refuse(&self, version: Version, reason: &CloseReason, out: &mut BytesMut) {
        let packet: Result<Packet, MqttError> = match version {
            Version::V5 => v5_0::Connack::builder()
                .session_present(false)
                .reason_code(refusal_code(reason))
                .build()
                .map(Into::into),
            Version::V3 => {
                let code = match reason {
                    CloseReason::ShuttingDown => ConnectReturnCode::ServerUnavailable,
                    _ => ConnectReturnCode::NotAuthorized,
                };
                v3_1_1::Connack::builder()
                    .session_present(false)
                    .return_code(code)
                    .build()
                    .map(Into::into)
            }
        };
        if let Ok(packet) = packet {
            self.write(&packet, out);
        }
    }
}

fn refusal_code(reason: &CloseReason) -> ConnectReasonCode {
    match (reason, reason.code()) {
        (CloseReason::AuthenticationMethod, _) => ConnectReasonCode::BadAuthenticationMethod,
        (_, DisconnectReasonCode::ServerShuttingDown) => ConnectReasonCode::ServerUnavailable,
        (_, DisconnectReasonCode::NotAuthorized) => ConnectReasonCode::NotAuthorized,
        (_, DisconnectReasonCode::ProtocolError) => ConnectReasonCode::ProtocolError,
        _ => ConnectReasonCode::UnspecifiedError,
    }
}

/// Takes a parsed packet only when the parser used every byte of it.
pub(super) fn exact<T>(body: &[u8], parsed: Result<(T, usize), MqttError>) -> Result<T, CloseReason> {
    match parsed {
        Ok((packet, used)) if used == body.len() => Ok(packet),
        Ok(_) => Err(CloseReason::Malformed),
        Err(MqttError::ProtocolError) => Err(CloseReason::Protocol),
        Err(_) => Err(CloseReason::Malformed),
    }
}
