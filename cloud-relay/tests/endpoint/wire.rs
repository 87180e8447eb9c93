//! MQTT written by hand: independent of the codec under test, and able to say what a proper client cannot.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::support::{Box, SOON, World};

pub const V3: u8 = 4;
pub const V5: u8 = 5;

/// A TLS connection on which packets are written and read byte by byte.
pub struct Wire {
    pub stream: TlsStream<TcpStream>,
    pub level: u8,
    input: BytesMut,
}

impl Wire {
    /// TLS only.
    pub async fn open(world: &World, owner: &Box) -> Self {
        let stream = world.tls(owner).await.unwrap();
        Self {
            stream,
            level: V3,
            input: BytesMut::new(),
        }
    }

    /// TLS and a plain CONNECT that is accepted.
    pub async fn connected(world: &World, owner: &Box, level: u8) -> Self {
        let mut wire = Self::open(world, owner).await;
        wire.level = level;
        wire.send(&connect(level, 2, 60, &[])).await;
        let connack = wire.packet().await.expect("a CONNACK");
        assert_eq!(&connack[..1], [0x20]);
        assert_eq!(&connack[2..4], [0, 0], "no session, accepted");
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // the other side may have closed already, which the reader will see
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next packet, or nothing when the connection is closed.
    pub async fn packet(&mut self) -> Option<Vec<u8>> {
        timeout(SOON, self.read_packet())
            .await
            .expect("an answer or an end in time")
    }

    /// Whether nothing comes for a while.
    pub async fn silent_for(&mut self, time: Duration) -> bool {
        timeout(time, self.read_packet()).await.is_err()
    }

    pub async fn closed(&mut self) -> bool {
        self.packet().await.is_none()
    }

    async fn read_packet(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.input.len() >= 2 {
                assert!(self.input[1] < 0x80, "answers are short");
                let len = 2 + usize::from(self.input[1]);
                if self.input.len() >= len {
                    let packet = self.input[..len].to_vec();
                    self.input.advance(len);
                    return Some(packet);
                }
            }
            if !matches!(self.stream.read_buf(&mut self.input).await, Ok(count) if count > 0) {
                return None;
            }
        }
    }

    pub async fn publish(&mut self, topic: &str, packet_id: u16, payload: &[u8]) {
        let packet = publish(self.level, 0x32, topic, Some(packet_id), payload);
        self.send(&packet).await;
    }

    pub async fn subscribe(&mut self, topic: &str) -> Vec<u8> {
        let packet = subscribe(self.level, 9, topic);
        self.send(&packet).await;
        self.packet().await.expect("a SUBACK")
    }
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut len = body.len();
    loop {
        let byte = u8::try_from(len & 0x7f).unwrap();
        len >>= 7;
        bytes.push(if len > 0 { byte | 0x80 } else { byte });
        if len == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

pub fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// CONNECT with client id `x`; `properties` are for MQTT 5 only and shorter than 128 bytes.
pub fn connect(level: u8, flags: u8, keep_alive: u16, properties: &[u8]) -> Vec<u8> {
    let mut body = text("MQTT");
    body.push(level);
    body.push(flags);
    body.extend_from_slice(&keep_alive.to_be_bytes());
    if level == V5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend_from_slice(properties);
    }
    body.extend(text("x"));
    packet(0x10, &body)
}

pub fn publish(level: u8, first: u8, topic: &str, packet_id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(packet_id.into_iter().flat_map(u16::to_be_bytes));
    if level == V5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(first, &body)
}

pub fn subscribe(level: u8, packet_id: u16, topic: &str) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if level == V5 {
        body.push(0);
    }
    body.extend(text(topic));
    body.push(1);
    packet(0x82, &body)
}
