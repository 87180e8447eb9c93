//! SUBSCRIBE and UNSUBSCRIBE: one topic, the device's own down topic, and nothing else.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::{Packet, Qos, SubEntry, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    MqttError, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};

use super::connect::exact;
use super::{Session, Step, Version};
use crate::endpoint::close::CloseReason;

/// Refused subscriptions that one connection may collect: enough for a mistake, too few for a search.
const REFUSED_MAX: u32 = 4;

impl Session {
    pub(super) fn subscribe(&mut self, body: &[u8], out: &mut BytesMut) -> Result<Step, CloseReason> {
        let refused_before = self.refused_subscriptions;
        let answer: Result<Packet, MqttError> = match self.version {
            Some(Version::V5) => {
                let packet = exact(body, v5_0::Subscribe::parse(body))?;
                let codes = packet.entries().iter().map(|entry| match self.grant(entry) {
                    Some(Qos::AtMostOnce) => SubackReasonCode::GrantedQos0,
                    Some(_) => SubackReasonCode::GrantedQos1,
                    None => SubackReasonCode::NotAuthorized,
                });
                let codes = codes.collect();
                let answer = v5_0::Suback::builder()
                    .packet_id(packet.packet_id())
                    .reason_codes(codes);
                answer.build().map(Into::into)
            }
            _ => {
                let packet = exact(body, v3_1_1::Subscribe::parse(body))?;
                let codes = packet.entries().iter().map(|entry| match self.grant(entry) {
                    Some(Qos::AtMostOnce) => SubackReturnCode::SuccessMaximumQos0,
                    Some(_) => SubackReturnCode::SuccessMaximumQos1,
                    None => SubackReturnCode::Failure,
                });
                let codes = codes.collect();
                let answer = v3_1_1::Suback::builder()
                    .packet_id(packet.packet_id())
                    .return_codes(codes);
                answer.build().map(Into::into)
            }
        };
        // the only thing that can be wrong with our answer is the packet id that the device chose
        self.write(&answer.map_err(|_| CloseReason::Malformed)?, out);
        if self.refused_subscriptions > REFUSED_MAX {
            Err(CloseReason::ForeignSubscriptions)
        } else if self.refused_subscriptions > refused_before {
            Ok(Step::SubscriptionRefused)
        } else {
            Ok(Step::Listening(true))
        }
    }

    fn grant(&mut self, entry: &SubEntry) -> Option<Qos> {
        if entry.topic_filter() != self.down_topic {
            self.refused_subscriptions += 1;
            return None;
        }
        self.listening = Some(match entry.sub_opts().qos() {
            Qos::AtMostOnce => Qos::AtMostOnce,
            _ => Qos::AtLeastOnce,
        });
        self.listening
    }

    pub(super) fn unsubscribe(&mut self, body: &[u8], out: &mut BytesMut) -> Result<Step, CloseReason> {
        let was_listening = self.listening.is_some();
        let answer: Result<Packet, MqttError> = match self.version {
            Some(Version::V5) => {
                let packet = exact(body, v5_0::Unsubscribe::parse(body))?;
                let codes = packet.entries().iter().map(|filter| {
                    if self.release(filter.as_str()) {
                        UnsubackReasonCode::Success
                    } else {
                        UnsubackReasonCode::NoSubscriptionExisted
                    }
                });
                let codes = codes.collect();
                let answer = v5_0::Unsuback::builder()
                    .packet_id(packet.packet_id())
                    .reason_codes(codes);
                answer.build().map(Into::into)
            }
            _ => {
                let packet = exact(body, v3_1_1::Unsubscribe::parse(body))?;
                for filter in packet.entries() {
                    self.release(filter.as_str());
                }
                v3_1_1::Unsuback::builder()
                    .packet_id(packet.packet_id())
                    .build()
                    .map(Into::into)
            }
        };
        self.write(&answer.map_err(|_| CloseReason::Malformed)?, out);
        let stopped = was_listening && self.listening.is_none();
        Ok(if stopped {
            Step::Listening(false)
        } else {
            Step::Done
        })
    }

    fn release(&mut self, filter: &str) -> bool {
        filter == self.down_topic && self.listening.take().is_some()
    }
}
