//! Keeps open pages up to date by server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use tokio::sync::{broadcast, watch};

use super::{Views, now};
use crate::clock::Clock;
use crate::events::RelayEvent;

/// No page needs to change faster than people can read, and a busy morning must not render for each sale.
const RENDER_EVERY: Duration = Duration::from_millis(250);

/// Some facts change by themselves (a store goes quiet, a link dies silently).
const RENDER_ANYWAY: Duration = Duration::from_secs(5);

/// One live part of the page as HTML.
type Part = (&'static str, Arc<str>);

#[derive(Clone)]
pub(super) struct Live {
    parts: watch::Receiver<Vec<Part>>,
}

impl Live {
    pub(super) fn start(
        views: Arc<dyn Views>,
        clock: Clock,
        events: broadcast::Receiver<RelayEvent>,
    ) -> Self {
        let (sender, parts) = watch::channel(Vec::new());
        tokio::spawn(render(views, clock, events, sender));
        Self { parts }
    }

    /// Sends every part once, and then each part again whenever it changed.
    pub(super) fn stream(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let start = Viewer {
            parts: self.parts.clone(),
            sent: Vec::new(),
            queue: Vec::new(),
            fresh: true,
        };
        let stream = stream::unfold(start, |mut viewer| async move {
            let (name, html) = viewer.next().await?;
            Some((Ok(Event::default().event(name).data(one_line(&html))), viewer))
        });
        Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
    }
}

struct Viewer {
    parts: watch::Receiver<Vec<Part>>,
    sent: Vec<Part>,
    queue: Vec<Part>,
    fresh: bool,
}

impl Viewer {
    async fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.queue.pop() {
                return Some(part);
            }
            if !std::mem::take(&mut self.fresh) {
                self.parts.changed().await.ok()?;
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
    sender: watch::Sender<Vec<Part>>,
) {
    loop {
        let (asked, now_ms) = (Arc::clone(&views), clock.now_ms());
        match tokio::task::spawn_blocking(move || asked.now(now_ms)).await {
            Ok(Ok(view)) => {
                let parts = now::parts(&view).map(|(name, html)| (name, Arc::from(html.into_string())));
                sender.send_if_modified(|held| replace(held, parts.to_vec()));
            }
            Ok(Err(error)) => tracing::error!("live parts could not be made: {error:#}"),
            Err(error) => tracing::error!("live parts could not be made: {error}"),
        }
        tokio::time::sleep(RENDER_EVERY).await;
        if !something_happened(&mut events).await {
            return;
        }
    }
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
