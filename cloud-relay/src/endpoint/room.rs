//! Room for a large packet, taken before it is read: what has no room yet stays in the network, not in our memory, however many
//! boxes come back at once.
//!
//! A device that has the room and does not send what it announced gives it back after [`HELD_TIME`]; the rest of its packet is
//! then read without, and waits for room when it is whole. So a slow line holds up nobody.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::frame::{Head, head};

/// A packet of so many bytes is read without asking; those that only control are never longer.
const FREE_LEN: usize = 8 * 1024;

/// How long room is kept for what has been announced.
const HELD_TIME: Duration = Duration::from_secs(5);

pub(super) type Grant = BoxFuture<'static, Option<OwnedSemaphorePermit>>;

/// Where the packet at the beginning of what was read stands.
#[derive(Default)]
pub(super) enum Room {
    /// It is small, or not seen yet.
    #[default]
    NotAsked,
    /// It waits.
    Asked(Grant),
    /// It has room until then.
    Held(OwnedSemaphorePermit, Instant),
    /// It had, and took too long.
    GivenBack,
}

impl Room {
    /// Whether more of the packet may be read; asks for its room where it has none.
    pub(super) fn admits(&mut self, input: &[u8], room: &Arc<Semaphore>, room_kib: u32) -> bool {
        if matches!(self, Self::NotAsked)
            && let Head::Packet { header, body, .. } = head(input)
            && header + body > FREE_LEN
        {
            *self = match Arc::clone(room).try_acquire_many_owned(kibibytes(header + body, room_kib)) {
                Ok(permit) => Self::Held(permit, Instant::now() + HELD_TIME),
                Err(_) => Self::Asked(grant(room, header + body, room_kib)),
            };
        }
        !self.asks()
    }

    /// Whether it waits for room.
    pub(super) const fn asks(&self) -> bool {
        matches!(self, Self::Asked(_))
    }

    /// Ready when the room is there. May be dropped and called again.
    pub(super) async fn granted(&mut self) {
        let Self::Asked(grant) = self else {
            return pending().await;
        };
        *self = match grant.await {
            Some(permit) => Self::Held(permit, Instant::now() + HELD_TIME),
            // the relay ends
            None => Self::GivenBack,
        };
    }

    /// When the room is given back.
    pub(super) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Held(_, until) => Some(*until),
            _ => None,
        }
    }

    /// Gives it back if it is time.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.until().is_some_and(|until| now >= until) {
            *self = Self::GivenBack;
        }
    }

    /// The packet is whole: its room goes with it.
    pub(super) fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        match std::mem::take(self) {
            Self::Held(permit, _) => Some(permit),
            _ => None,
        }
    }
}

/// Room for so many bytes, when there is some.
pub(super) fn grant(room: &Arc<Semaphore>, len: usize, room_kib: u32) -> Grant {
    let (room, kibibytes) = (Arc::clone(room), kibibytes(len, room_kib));
    Box::pin(async move { room.acquire_many_owned(kibibytes).await.ok() })
}

/// What is asked for so many bytes; never more than there is altogether.
pub(super) fn kibibytes(len: usize, room_kib: u32) -> u32 {
    u32::try_from(len / 1024 + 1).unwrap_or(u32::MAX).min(room_kib)
}
