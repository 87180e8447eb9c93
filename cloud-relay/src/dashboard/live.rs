//! Keeps open pages up to date by server-sent events.
//!
//! Whoever sees the same things gets the same rendering: it is made once for all of them, and only while one of them
//! looks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use tillwire_relay_core::people::Sight;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use super::{Views, now};
use crate::clock::Clock;
use crate::events::RelayEvent;

/// No page needs to change faster than people can read, and a busy morning must not render for each sale.
const RENDER_EVERY: Duration = Duration::from_millis(250);

/// Some facts change by themselves (a store goes quiet, a link dies silently).
const RENDER_ANYWAY: Duration = Duration::from_secs(5);

/// How often an open page asks whether its session is still open.
const SESSION_EVERY: Duration = Duration::from_secs(20);

/// One live part of the page as HTML.
type Part = (&'static str, Arc<str>);

type Watched = Arc<Mutex<BTreeMap<Sight, watch::Sender<Vec<Part>>>>>;

#[derive(Clone)]
pub(super) struct Live {
    watched: Watched,
    newcomer: Arc<Notify>,
}

impl Live {
    pub(super) fn start(
        views: Arc<dyn Views>,
        clock: Clock,
        events: broadcast::Receiver<RelayEvent>,
    ) -> Self {
        let live = Self {
            watched: Watched::default(),
            newcomer: Arc::default(),
        };
        let (watched, newcomer) = (Arc::clone(&live.watched), Arc::clone(&live.newcomer));
        tokio::spawn(async move { render(views, clock, events, watched, newcomer).await });
        live
    }

    /// Sends every part once, and then each part again whenever it changed; ends when the session does.
    pub(super) fn stream<O, F>(
        &self,
        sight: &Sight,
        still_open: O,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<O, F>>
    where
        O: Fn() -> F + Send + 'static,
        F: Future<Output = bool> + Send,
    {
        let start = Viewer {
            parts: self.parts(sight),
            sent: Vec::new(),
            queue: Vec::new(),
            fresh: true,
            still_open,
            ask_at: Instant::now() + SESSION_EVERY,
        };
        let stream = stream::unfold(start, |mut viewer| async move {
            let (name, html) = viewer.next().await?;
            Some((Ok(Event::default().event(name).data(one_line(&html))), viewer))
        });
        Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
    }

    fn parts(&self, sight: &Sight) -> watch::Receiver<Vec<Part>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = watched
            .entry(sight.clone())
            .or_insert_with(|| watch::channel(Vec::new()).0);
        let parts = sender.subscribe();
        self.newcomer.notify_one();
        parts
    }
}

struct Viewer<O> {
    parts: watch::Receiver<Vec<Part>>,
    sent: Vec<Part>,
    queue: Vec<Part>,
    fresh: bool,
    still_open: O,
    ask_at: Instant,
}

impl<O, F> Viewer<O>
where
    O: Fn() -> F,
    F: Future<Output = bool>,
{
    async fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.queue.pop() {
                return Some(part);
            }
            // on a busy morning there is always something new, and the session ends all the same
            if Instant::now() >= self.ask_at {
                if !(self.still_open)().await {
                    return None;
                }
                self.ask_at = Instant::now() + SESSION_EVERY;
            }
            if !std::mem::take(&mut self.fresh) {
                match tokio::time::timeout_at(self.ask_at, self.parts.changed()).await {
                    Ok(changed) => changed.ok()?,
                    Err(_) => continue,
                }
            }
            let now = self.parts.borrow_and_update().clone();
            self.queue = now
                .iter()
                .filter(|part| !self.sent.contains(part))
                .cloned()
                .collect();
            self.sent = now;
        }
    }
}

/// An event's data may not hold a line break; in our HTML one is as good as a space.
fn one_line(html: &str) -> String {
    html.replace(['\r', '\n'], " ")
}

async fn render(
    views: Arc<dyn Views>,
    clock: Clock,
    mut events: broadcast::Receiver<RelayEvent>,
    watched: Watched,
    newcomer: Arc<Notify>,
) {
    let mut only_new = false;
    loop {
        for sight in looked_at(&watched, only_new) {
            let (asked, now_ms, of) = (Arc::clone(&views), clock.now_ms(), sight.clone());
            match tokio::task::spawn_blocking(move || asked.now(&of, now_ms)).await {
                Ok(Ok(view)) => {
                    let parts = now::parts(&view).into_iter();
                    let parts = parts.map(|(name, html)| (name, Arc::from(html.into_string())));
                    let parts: Vec<Part> = parts.collect();
                    let watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(sender) = watched.get(&sight) {
                        sender.send_if_modified(|held| replace(held, parts));
                    }
                }
                Ok(Err(error)) => tracing::error!("live parts could not be made: {error:#}"),
                Err(error) => tracing::error!("live parts could not be made: {error}"),
            }
        }
        tokio::select! {
            // somebody who comes does not wait for the next sale
            () = newcomer.notified() => only_new = true,
            more = async {
                tokio::time::sleep(RENDER_EVERY).await;
                something_happened(&mut events).await
            } => {
                only_new = false;
                if !more {
                    // every viewer's stream ends with its sender
                    watched.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    return;
                }
            }
        }
    }
}

/// Whose pages are open; what nobody looks at any more is forgotten.
fn looked_at(watched: &Watched, only_new: bool) -> Vec<Sight> {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|_, sender| sender.receiver_count() > 0);
    let wanted = |(_, sender): &(&Sight, &watch::Sender<Vec<Part>>)| !only_new || sender.borrow().is_empty();
    watched
        .iter()
        .filter(wanted)
        .map(|(sight, _)| sight.clone())
        .collect()
}

/// Waits for the next event or the moment to look anyway; false when there will never be another event.
async fn something_happened(events: &mut broadcast::Receiver<RelayEvent>) -> bool {
    let first = tokio::time::timeout(RENDER_ANYWAY, events.recv()).await;
    // Whatever else happened meanwhile is covered by the same rendering.
    while events.try_recv().is_ok() {}
    !matches!(first, Ok(Err(broadcast::error::RecvError::Closed)))
}

fn replace(held: &mut Vec<Part>, parts: Vec<Part>) -> bool {
    let changed = *held != parts;
    *held = parts;
    changed
}
