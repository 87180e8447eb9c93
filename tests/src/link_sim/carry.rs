//! One direction of one connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Carried, State, Weather};

/// Pieces that may wait in one direction before the sender is slowed.
const QUEUE: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// Carries until either end closes or the weather ends it.
pub(super) async fn carry(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    way: Way,
    seed: u64,
    weather: watch::Receiver<Weather>,
    carried: Arc<Carried>,
) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let reading = read(from, queue, way, seed, weather.clone());
    let writing = write(to, waiting, way, weather.clone(), carried);
    tokio::select! {
        // what was read before the end still arrives
        () = async { tokio::join!(reading, writing); } => {}
        () = cut(weather) => {}
    }
}

async fn cut(mut weather: watch::Receiver<Weather>) {
    while weather.borrow_and_update().state != State::Cut {
        if weather.changed().await.is_err() {
            return;
        }
    }
}

async fn read(
    mut from: OwnedReadHalf,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
    way: Way,
    seed: u64,
    weather: watch::Receiver<Weather>,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut buffer = vec![0; 16 * 1024];
    let (mut seen, mut due) = (0_u64, Instant::now());
    loop {
        let Ok(len @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let now = *weather.borrow();
        let jitter = now.jitter.mul_f64(rng.random::<f64>());
        // never before the piece in front of it: TCP keeps order
        due = due.max(Instant::now() + now.delay + jitter);
        let limit = if way == Way::Up { now.truncate_after } else { 0 };
        let room = if limit == 0 {
            len
        } else {
            // the weather may have become worse than what has passed already
            usize::try_from(limit.saturating_sub(seen))
                .unwrap_or(len)
                .min(len)
        };
        let flipped = if way == Way::Up { now.flip_at } else { 0 };
        let at = flipped
            .checked_sub(seen + 1)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(byte) = at.and_then(|at| buffer[..room].get_mut(at)) {
            *byte ^= 1 << rng.random_range(0..8);
        }
        seen += room as u64;
        if queue.send((due, buffer[..room].to_vec())).await.is_err() || (limit > 0 && seen >= limit) {
            return;
        }
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<(Instant, Vec<u8>)>,
    way: Way,
    mut weather: watch::Receiver<Weather>,
    carried: Arc<Carried>,
) {
    let born = carried.silences.load(Ordering::Relaxed);
    while let Some((due, piece)) = waiting.recv().await {
        tokio::time::sleep_until(due).await;
        passable(&mut weather).await;
        if carried.silences.load(Ordering::Relaxed) != born {
            std::future::pending::<()>().await;
        }
        let rate = weather.borrow().rate;
        if rate > 0 {
            tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(rate))).await;
        }
        if to.write_all(&piece).await.is_err() {
            return;
        }
        let counter = if way == Way::Up {
            &carried.up
        } else {
            &carried.down
        };
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}

/// Returns when the weather lets bytes through.
async fn passable(weather: &mut watch::Receiver<Weather>) {
    loop {
        let state = weather.borrow_and_update().state;
        match state {
            State::Up | State::Cut => return,
            State::HalfOpen | State::BlackHole => {
                if weather.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}
