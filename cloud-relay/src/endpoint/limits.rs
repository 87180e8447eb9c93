//! Every limit of the endpoint, each with its reason. Tests make them small, so that they are reached.

use std::time::Duration;

/// What the endpoint grants a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for the whole TLS handshake, ClientHello included. Default 5 s: three round trips of a bad satellite link.
    pub handshake_time: Duration,
    /// Connections that have not yet shown a whole ClientHello. Default 1,000: a few KiB each. One more evicts the
    /// oldest of the address that holds most of them, so that silent sockets never keep a device out. Not smaller,
    /// because in a storm of reconnects busy devices look silent too (with 200, a storm of 2,000 saw 374 evictions).
    pub silent_max: usize,
    /// TLS handshakes under way at once. Default 200. More wait in line within `handshake_time`.
    pub handshakes_max: usize,
    /// Connections at once, handshakes included. Default 10,000: below the usual limit of open files when raised.
    pub connections_max: usize,
    /// Time from the end of the handshake to a whole CONNECT. Default 5 s.
    pub connect_time: Duration,
    /// Largest PUBLISH, fixed header included. Default 256 KiB: four times the largest batch.
    pub packet_size_max: usize,
    /// Largest packet of any other kind. Default 4 KiB: ours have some hundred bytes.
    pub control_packet_size_max: usize,
    /// Longest topic in bytes. Default 256.
    pub topic_len_max: usize,
    /// Shortest keep-alive that MQTT 5 devices are told to use. Default 30 s; an MQTT 3.1.1 device cannot be told and
    /// is held to the shorter one it asked for.
    pub keep_alive_min: Duration,
    /// Longest keep-alive, enforced on every device whatever it asked for (none included). Default 300 s.
    pub keep_alive_max: Duration,
    /// Publishes of one connection that may wait for their commit at once. Default 16 (MQTT's receive maximum).
    /// An MQTT 3.1.1 device that sends more is simply not read until one is answered.
    pub receive_max: u16,
    /// Unanswered QoS 1 messages towards one device. Default 16.
    pub down_in_flight_max: u16,
    /// Messages towards one device that may wait for the socket. Default 64; beyond it `Downlink::send` says busy.
    pub down_queue_max: usize,
    /// Largest payload towards a device. Default [`tillwire_proto::DOWN_LEN_MAX`], 16 KiB: what agents accept.
    pub down_payload_max: usize,
    /// Longest time in which a device may take nothing of what we write. Default 10 s.
    pub write_time: Duration,
    /// Bytes of all connections that may wait for their commit at once, with the large packets that are being read. Default
    /// 32 MiB; what is beyond it stays in the network.
    pub pending_bytes_max: usize,
    /// Time that a stop grants commits in flight. Default 10 s.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_time: Duration::from_secs(5),
            silent_max: 1_000,
            handshakes_max: 200,
            connections_max: 10_000,
            connect_time: Duration::from_secs(5),
            packet_size_max: 256 * 1024,
            control_packet_size_max: 4 * 1024,
            topic_len_max: 256,
            keep_alive_min: Duration::from_secs(30),
            keep_alive_max: Duration::from_secs(300),
            receive_max: 16,
            down_in_flight_max: 16,
            down_queue_max: 64,
            down_payload_max: tillwire_proto::DOWN_LEN_MAX,
            write_time: Duration::from_secs(10),
            pending_bytes_max: 32 * 1024 * 1024,
            drain_time: Duration::from_secs(10),
        }
    }
}
