//! Drives one [`Session`]: socket, commits, messages down, deadlines. One task per connection.
//!
//! Memory of one connection is bounded: at most `receive_max` payloads wait for their commit, at most one packet is
//! half read and, where it is large, has its [`Room`] before, and nothing is read while the answers are not taken.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::close::CloseReason;
use super::counted::Traffic;
use super::frame::{Head, head};
use super::identity::DeviceIdentity;
use super::ingest::{Event, Ingest, Verdict};
use super::registry::{Delivery, Registered};
use super::room::{Grant, Room, grant, kibibytes};
use super::session::{Session, Step};

/// Room for what may come next: all that a connection at rest keeps for reading.
const REST_LEN: usize = 2 * 1024;
/// Least room that a packet which is longer grows by.
const READ_LEN: usize = 8 * 1024;
/// Answers that may wait for the socket before nothing more is read.
const OUT_LEN_MAX: usize = 64 * 1024;
/// Time for the last words.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// See the module head.
pub(super) struct Connection<I: Ingest> {
    shared: Arc<Shared<I>>,
    identity: Arc<DeviceIdentity>,
    address: SocketAddr,
    traffic: Arc<Traffic>,
    session: Session,
    input: BytesMut,
    out: BytesMut,
    unflushed: bool,
    commits: FuturesOrdered<BoxFuture<'static, (u16, Verdict)>>,
    /// A publish that waits for room in the memory of all connections.
    parked: Option<(u16, Bytes, Grant)>,
    /// Room for the packet that is being read.
    room: Room,
    registered: Option<Registered>,
    started: Instant,
    last_packet: Instant,
    last_write: Instant,
    stopping: bool,
    /// What the event will say if this task ends by a panic.
    end: CloseReason,
}

impl<I: Ingest> Connection<I> {
    pub(super) fn new(
        shared: Arc<Shared<I>>,
        identity: DeviceIdentity,
        address: SocketAddr,
        traffic: Arc<Traffic>,
    ) -> Self {
        let now = Instant::now();
        let session = Session::new(&identity.device, shared.limits);
        Self {
            shared,
            identity: Arc::new(identity),
            address,
            traffic,
            session,
            input: BytesMut::new(),
            out: BytesMut::new(),
            unflushed: false,
            commits: FuturesOrdered::new(),
            parked: None,
            room: Room::default(),
            registered: None,
            started: now,
            last_packet: now,
            last_write: now,
            stopping: false,
            end: CloseReason::Panicked,
        }
    }

    /// Talks until the conversation ends.
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin + Send>(mut self, stream: S) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reason = self.converse(&mut reader, &mut writer).await;
        self.session.close(&reason, &mut self.out);
        self.end = reason;
        let farewell = async {
            write_out(&mut writer, &mut self.out, &mut self.unflushed).await?;
            writer.shutdown().await
        };
        let _ = timeout(FAREWELL_TIME, farewell).await;
    }

    async fn converse(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> CloseReason {
        let stop = self.shared.stop.clone();
        let mut alarm = pin!(sleep_until(self.deadline()));
        loop {
            if let Some(reason) = self.take_packets() {
                return reason;
            }
            if self.stopping && self.commits.is_empty() && self.parked.is_none() {
                return CloseReason::ShuttingDown;
            }
            let deadline = self.deadline();
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            let shared = &self.shared;
            let reads = self.may_take() && self.room.admits(&self.input, &shared.room, shared.room_kib);
            let writes = self.writes();
            let delivers = self.session.may_deliver() && self.out.len() < OUT_LEN_MAX;
            if reads {
                make_room(&mut self.input);
            }
            let (mut queue, mut cut) = (None, None);
            if let Some(registered) = &mut self.registered {
                queue = Some(&mut registered.queue);
                cut = Some(&mut registered.cut);
            }
            tokio::select! {
                biased;
                reason = heard(cut) => return reason,
                Some((packet_id, verdict)) = self.commits.next(), if !self.commits.is_empty() => {
                    if let Some(reason) = self.answer(packet_id, verdict) {
                        return reason;
                    }
                }
                permit = granted(&mut self.parked) => self.unpark(permit),
                // silence while we kept the device waiting is not its fault
                () = self.room.granted() => self.last_packet = Instant::now(),
                result = write_out(writer, &mut self.out, &mut self.unflushed), if writes => {
                    self.last_write = Instant::now();
                    if result.is_err() {
                        return CloseReason::Lost;
                    }
                }
                (payload, delivery) = heard(queue), if delivers => {
                    // the device may have stopped listening since the message was taken; receipts are said again
                    let acknowledged = delivery == Delivery::Acknowledged;
                    self.note_write();
                    self.session.deliver(&payload, acknowledged, &mut self.out);
                }
                () = &mut alarm => {
                    self.room.expire(Instant::now());
                    if let Some(reason) = self.overdue() {
                        return reason;
                    }
                }
                () = stop.cancelled(), if !self.stopping => self.stopping = true,
                result = reader.read_buf(&mut self.input), if reads => {
                    if !matches!(result, Ok(count) if count > 0) {
                        return CloseReason::Lost;
                    }
                }
            }
        }
    }

    /// Whether there is room for another packet's consequences.
    fn may_take(&self) -> bool {
        !self.stopping
            && self.parked.is_none()
            && !self.room.asks()
            && self.commits.len() < usize::from(self.shared.limits.receive_max)
            && self.out.len() < OUT_LEN_MAX
    }

    fn take_packets(&mut self) -> Option<CloseReason> {
        while self.may_take() {
            self.note_write();
            match self.session.step(&mut self.input, &mut self.out) {
                Step::Wait => break,
                Step::Done => {}
                Step::Connect => {
                    if let Some(reason) = self.connect() {
                        return Some(reason);
                    }
                }
                Step::Publish { packet_id, payload } => {
                    if !self.shared.ingest.admit(&self.identity) {
                        return Some(CloseReason::NotAdmitted);
                    }
                    self.take_publish(packet_id, payload);
                }
                Step::Listening(listening) => self.listens(listening),
                Step::SubscriptionRefused => {
                    self.shared.ingest.event(Event::SubscriptionRefused {
                        identity: Arc::clone(&self.identity),
                    });
                }
                Step::Close(reason) => return Some(reason),
            }
            self.note_packet();
        }
        if self.input.is_empty() {
            // what was read from stays allocated however far one has advanced in it
            self.input = BytesMut::new();
        }
        None
    }

    fn connect(&mut self) -> Option<CloseReason> {
        let ingest = &self.shared.ingest;
        if !ingest.admit(&self.identity) {
            return Some(CloseReason::NotAdmitted);
        }
        let queue_len = self.shared.limits.down_queue_max;
        let registered =
            self.shared
                .downlink
                .register(&self.identity, self.address, &self.traffic, queue_len);
        registered
            .live
            .deliverable_max
            .store(self.session.deliverable_max(), Ordering::Release);
        let replaced = registered.replaced;
        // a revocation between the question above and the entry would have found nobody to cut
        if !ingest.admit(&self.identity) {
            return Some(CloseReason::NotAdmitted);
        }
        self.registered = Some(registered);
        if let Some(old) = replaced {
            ingest.event(Event::TakenOver {
                identity: Arc::clone(&self.identity),
                old,
                new: self.address,
            });
        }
        ingest.event(Event::Connected {
            identity: Arc::clone(&self.identity),
            address: self.address,
        });
        self.session.accept(&mut self.out);
        None
    }

    fn take_publish(&mut self, packet_id: u16, payload: Bytes) {
        let (room, room_kib) = (&self.shared.room, self.shared.room_kib);
        let held = self.room.take();
        let now = || Arc::clone(room).try_acquire_many_owned(kibibytes(payload.len(), room_kib));
        match held.or_else(|| now().ok()) {
            Some(permit) => self.commit(packet_id, payload, Some(permit)),
            None => {
                let grant = grant(room, payload.len(), room_kib);
                self.parked = Some((packet_id, payload, grant));
            }
        }
    }

    fn unpark(&mut self, permit: Option<OwnedSemaphorePermit>) {
        if let Some((packet_id, payload, _)) = self.parked.take() {
            self.commit(packet_id, payload, permit);
        }
    }

    fn commit(&mut self, packet_id: u16, payload: Bytes, permit: Option<OwnedSemaphorePermit>) {
        let ingest = Arc::clone(&self.shared.ingest);
        let identity = Arc::clone(&self.identity);
        self.commits.push_back(Box::pin(async move {
            let verdict = ingest.publish(&identity, payload).await;
            drop(permit);
            (packet_id, verdict)
        }));
    }

    fn answer(&mut self, packet_id: u16, verdict: Verdict) -> Option<CloseReason> {
        match verdict {
            Verdict::Accepted => {
                self.note_write();
                self.session.acknowledge(packet_id, &mut self.out);
                if let Some(registered) = &self.registered {
                    registered.live.accepted.fetch_add(1, Ordering::Relaxed);
                }
                // silence while we kept the device waiting is not its fault
                self.last_packet = Instant::now();
                None
            }
            Verdict::Refused(why) => Some(CloseReason::IngestRefused(why)),
        }
    }

    fn listens(&mut self, listening: bool) {
        let Some(registered) = &self.registered else {
            return;
        };
        if registered.live.listening.swap(listening, Ordering::AcqRel) != listening {
            self.shared.ingest.event(Event::Listening {
                identity: Arc::clone(&self.identity),
                listening,
            });
        }
    }

    fn note_packet(&mut self) {
        self.last_packet = Instant::now();
        if let Some(registered) = &self.registered {
            registered
                .live
                .last_activity_ms
                .store(self.shared.downlink.now_ms(), Ordering::Relaxed);
        }
    }

    /// Starts the clock of a write when there was nothing to write before.
    fn note_write(&mut self) {
        if !self.writes() {
            self.last_write = Instant::now();
        }
    }

    /// When to look whether the connection is [`Self::overdue`], if nothing happens until then.
    fn deadline(&self) -> Instant {
        let limits = &self.shared.limits;
        let heard_by = if self.registered.is_none() {
            self.started + limits.connect_time
        } else if self.may_take() {
            self.last_packet + self.session.silence_max()
        } else {
            Instant::now() + limits.keep_alive_max
        };
        let written_by = self.writes().then(|| self.last_write + limits.write_time);
        [written_by, self.room.until()]
            .into_iter()
            .flatten()
            .fold(heard_by, Instant::min)
    }

    /// Why the connection is given up now. Silence is no reason while it is we who keep the device waiting.
    fn overdue(&self) -> Option<CloseReason> {
        let now = Instant::now();
        let limits = &self.shared.limits;
        if self.writes() && now >= self.last_write + limits.write_time {
            Some(CloseReason::WriteTimeout)
        } else if self.registered.is_none() {
            (now >= self.started + limits.connect_time).then_some(CloseReason::ConnectTimeout)
        } else {
            let silent = self.may_take() && now >= self.last_packet + self.session.silence_max();
            silent.then_some(CloseReason::KeepAlive)
        }
    }

    fn writes(&self) -> bool {
        !self.out.is_empty() || self.unflushed
    }
}

impl<I: Ingest> Drop for Connection<I> {
    fn drop(&mut self) {
        let reason = match std::mem::replace(&mut self.end, CloseReason::Panicked) {
            // let go in the middle of the conversation
            CloseReason::Panicked if self.shared.abandon.is_cancelled() => CloseReason::ShuttingDown,
            reason => reason,
        };
        let identity = Arc::clone(&self.identity);
        let address = self.address;
        // out of the registry first: who hears the event and looks must not find it there any more
        let event = match self.registered.take() {
            Some(_) => Event::Disconnected {
                identity,
                address,
                reason,
            },
            None => Event::Refused {
                identity,
                address,
                reason,
            },
        };
        self.shared.ingest.event(event);
    }
}

/// Room for the next read: of a large packet no more than is left of it, so that its buffer is its own and is let go with it.
/// It grows fourfold with what has come, not to what was announced: announcing costs a device nothing.
fn make_room(input: &mut BytesMut) {
    let left = match head(input) {
        Head::Packet { header, body, .. } => (header + body).saturating_sub(input.len()),
        _ => 0,
    };
    let room = input.capacity() - input.len();
    if left == 0 {
        if room < REST_LEN / 2 {
            input.reserve(REST_LEN);
        }
    } else if room == 0 {
        regrow(input, left.min((3 * input.len()).max(READ_LEN)));
    }
}

/// The same bytes with exactly so much room behind them; [`BytesMut::reserve`] doubles.
fn regrow(input: &mut BytesMut, more: usize) {
    let mut grown = BytesMut::with_capacity(input.len() + more);
    grown.extend_from_slice(input);
    *input = grown;
}

/// The next value of a channel; never ready without one.
async fn heard<T>(channel: Option<&mut tokio::sync::mpsc::Receiver<T>>) -> T {
    match channel {
        Some(channel) => match channel.recv().await {
            Some(value) => value,
            // the entry is gone because a newer connection took it, and `cut` has said so already
            None => pending().await,
        },
        None => pending().await,
    }
}

async fn granted(parked: &mut Option<(u16, Bytes, Grant)>) -> Option<OwnedSemaphorePermit> {
    match parked {
        Some((_, _, grant)) => grant.await,
        None => pending().await,
    }
}

/// Writes some of `out`, or flushes once it is empty. May be dropped at any await and called again.
async fn write_out(
    writer: &mut (impl AsyncWrite + Unpin),
    out: &mut BytesMut,
    unflushed: &mut bool,
) -> std::io::Result<()> {
    while !out.is_empty() {
        *unflushed = true;
        writer.write_buf(out).await?;
    }
    writer.flush().await?;
    *unflushed = false;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;

    /// A publish whose packet has so many bytes, header included.
    fn packet(len: usize) -> Vec<u8> {
        let body = len - 4;
        let byte = |nth: usize| u8::try_from(body >> (7 * nth) & 0x7f).unwrap();
        let mut packet = vec![0x32, byte(0) | 0x80, byte(1) | 0x80, byte(2)];
        packet.resize(len, 7);
        packet
    }

    /// Reads as the connection does, `chunk` bytes at most at once, and returns the most that was kept room for.
    fn read_all(input: &mut BytesMut, bytes: &[u8], chunk: usize) -> usize {
        let (mut at, mut most) = (0, 0);
        while at < bytes.len() {
            make_room(input);
            let room = input.capacity() - input.len();
            assert!(room > 0, "nothing can be read after {at} bytes");
            most = most.max(input.capacity());
            let count = room.min(chunk).min(bytes.len() - at);
            input.put_slice(&bytes[at..at + count]);
            at += count;
        }
        most
    }

    #[test]
    fn large_packet_has_a_buffer_of_its_own_length_and_one_at_rest_has_little() {
        for chunk in [1, 100, 16 * 1024, usize::MAX] {
            let mut input = BytesMut::new();
            let most = read_all(&mut input, &packet(65_000), chunk);
            assert_eq!((input.len(), most), (65_000, 65_000), "by {chunk}");
        }
        let mut input = BytesMut::new();
        make_room(&mut input);
        assert_eq!(input.capacity(), REST_LEN);
        let many: Vec<u8> = std::iter::repeat_n([0xc0, 0], 500).flatten().collect();
        assert_eq!(read_all(&mut input, &many, usize::MAX), REST_LEN);
    }

    #[test]
    fn announcing_a_large_packet_takes_no_room() {
        let mut input = BytesMut::new();
        let most = read_all(&mut input, &packet(250_000)[..100], 10);
        assert!(most <= REST_LEN, "{most}");
    }
}
