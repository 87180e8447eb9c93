//! PUBLISH from the device, and its PUBACK.

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::common::{Arc, ArcPayload};
use mqtt_protocol_core::mqtt::packet::{Packet, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;

use super::connect::exact;
use super::{Session, Step, Version};
use crate::endpoint::close::CloseReason;

/// Lets the payload be used without a copy.
struct Payload(ArcPayload);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl Session {
    pub(super) fn publish(&self, flags: u8, body: &Arc<[u8]>) -> Result<Step, CloseReason> {
        self.judge_publish(flags, body)?;
        let (packet_id, payload) = match self.version {
            Some(Version::V5) => {
                self.judge_properties(body)?;
                let packet = exact(body, v5_0::Publish::parse(flags, Arc::clone(body)))?;
                (packet.packet_id(), packet.payload().clone())
            }
            _ => {
                let packet = exact(body, v3_1_1::Publish::parse(flags, Arc::clone(body)))?;
                (packet.packet_id(), packet.payload().clone())
            }
        };
        match packet_id {
            // zero is no packet id (MQTT 3.1.1 section 2.3.1), but the codec lets it through
            Some(packet_id) if packet_id != 0 => Ok(Step::Publish {
                packet_id,
                payload: Bytes::from_owner(Payload(payload)),
            }),
            _ => Err(CloseReason::Malformed),
        }
    }

    /// Flags and topic, read before the codec is asked: QoS 1, not retained, the device's own topic.
    fn judge_publish(&self, flags: u8, body: &[u8]) -> Result<(), CloseReason> {
        match flags >> 1 & 3 {
            1 => {}
            3 => return Err(CloseReason::Malformed),
            _ => return Err(CloseReason::QosNotSupported),
        }
        if flags & 1 != 0 {
            return Err(CloseReason::RetainNotSupported);
        }
        let (len, rest) = body.split_first_chunk::<2>().ok_or(CloseReason::Malformed)?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len > self.limits.topic_len_max {
            return Err(CloseReason::TopicTooLong);
        }
        let topic = rest.get(..len).ok_or(CloseReason::Malformed)?;
        // an empty topic (MQTT 5 topic alias) is foreign too: aliases are not granted
        if topic == self.up_topic.as_bytes() {
            Ok(())
        } else {
            Err(CloseReason::ForeignTopic)
        }
    }

    /// A batch needs no properties; a packet full of them would cost many times its size in memory.
    fn judge_properties(&self, body: &[u8]) -> Result<(), CloseReason> {
        let mut properties_len = 0_usize;
        let start = 2 + self.up_topic.len() + 2;
        for (index, byte) in body.get(start..).unwrap_or_default().iter().take(4).enumerate() {
            properties_len |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if properties_len > self.limits.control_packet_size_max {
            return Err(CloseReason::PacketTooLarge);
        }
        Ok(())
    }

    /// Answers a publish, once its payload is safe.
    pub(crate) fn acknowledge(&self, packet_id: u16, out: &mut BytesMut) {
        let packet: Result<Packet, MqttError> = match self.version {
            Some(Version::V5) => v5_0::Puback::builder()
                .packet_id(packet_id)
                .build()
                .map(Into::into),
            _ => v3_1_1::Puback::builder()
                .packet_id(packet_id)
                .build()
                .map(Into::into),
        };
        if let Ok(packet) = packet {
            self.write(&packet, out);
        }
    }
}
