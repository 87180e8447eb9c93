//! The local endpoint that a till pushes tickets and till events to.
//!
//! 200 means durable: the answer is written after the journal's commit. What cannot be taken is kept as bytes under
//! a reason before the till hears 409 or 422; what cannot be kept either is answered 503 with `Retry-After`, so that
//! the till keeps it. `agent/docs/till-events.md` is the manual for whoever writes the till's side.
//!
//! Bodies are held in one buffer that the tripwire sweeps before anything reads it. The HTTP library's own receive
//! buffers are outside our reach: they are reused and freed, not overwritten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use tillwire_agent_core::capture::heartland_retail::{self, Refused};
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, HttpSettings};
use tillwire_agent_core::capture::{tripwire, unreadable};
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Fact, Transaction, Witness};
use tokio::sync::Semaphore;

use super::notices::Notices;
use crate::journal::{AppendError, Sink, Taken};

mod answer;
mod body;
mod guard;
mod kept;
mod screen;
mod serve;

use answer::Answer;
use body::Read;
use guard::Guard;
use kept::Kept;
pub use serve::serve;

/// What of a body that is too long is kept, in bytes.
const HEAD_LEN: usize = 64 * 1024;

/// Beyond [`HEAD_LEN`] so much more is swept, so that the cut does not hide card data from the tripwire.
const HEAD_MARGIN: usize = 1024;

/// A body up to this length cannot become a record that is too large: records are smaller than their JSON.
const RECORD_SAFE_LEN: usize = 32 * 1024;

/// The HTTP source: checks, reads, sweeps, maps, journals, answers.
#[derive(Debug)]
pub struct HttpSource {
    settings: HttpSettings,
    retail: HeartlandRetailSettings,
    sink: Arc<dyn Sink>,
    notices: Notices,
    guard: Guard,
    screen_guard: Option<Guard>,
    showing: screen::Showing,
    kept: Kept,
    requests: Semaphore,
    counters: Counters,
}

/// What the source has done since its start.
#[derive(Debug, Default)]
struct Counters {
    taken: AtomicU64,
    refused: AtomicU64,
    strangers: AtomicU64,
}

/// [`HttpSource::counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpCounts {
    /// Requests answered 200.
    pub taken: u64,
    /// Requests whose bytes were kept and that were answered 409, 413 or 422.
    pub refused: u64,
    /// Requests with a wrong secret or none.
    pub strangers: u64,
}

type Dialect = fn(&[u8], &HeartlandRetailSettings) -> Result<Transaction, Refused>;

impl HttpSource {
    /// A source that journals into `sink`.
    #[must_use]
    pub fn new(settings: HttpSettings, retail: HeartlandRetailSettings, sink: Arc<dyn Sink>) -> Arc<Self> {
        Arc::new(Self {
            notices: Notices::new(settings.lane.clone()),
            guard: Guard::new(settings.secret.clone()),
            screen_guard: settings.screen_secret.clone().map(Guard::new),
            showing: screen::Showing::default(),
            kept: Kept::default(),
            requests: Semaphore::new(settings.requests_max),
            counters: Counters::default(),
            settings,
            retail,
            sink,
        })
    }

    /// The routes, to be served by [`serve`], alone or merged with others.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/v1/tickets", post(ticket))
            .route("/v1/till-events", post(till_event))
            .route("/v1/screen/{register}/{secret}", get(screen::opened))
            .with_state(Arc::clone(self))
    }

    /// Counts since start.
    #[must_use]
    pub fn counts(&self) -> HttpCounts {
        HttpCounts {
            taken: self.counters.taken.load(Ordering::Relaxed),
            refused: self.counters.refused.load(Ordering::Relaxed),
            strangers: self.counters.strangers.load(Ordering::Relaxed),
        }
    }

    async fn push(&self, headers: &HeaderMap, body: Body, dialect: Dialect) -> Answer {
        let Ok(_turn) = self.requests.try_acquire() else {
            return Answer::later("too many requests at once", Duration::from_secs(1));
        };
        if let Err(answer) = self.guard.admit(headers) {
            self.count_stranger();
            return answer;
        }
        if body::is_packed(headers) {
            return Answer::packed();
        }
        match body::read(
            headers,
            body,
            self.settings.body_len_max,
            self.settings.body_within,
        )
        .await
        {
            Read::Whole(bytes) => self.take(bytes, dialect).await,
            Read::TooLong(bytes) => self.keep_head(bytes).await,
            Read::TooSlow => Answer::too_slow(self.settings.body_within),
            Read::Broken => Answer::broken(),
        }
    }

    fn count_stranger(&self) {
        self.counters.strangers.fetch_add(1, Ordering::Relaxed);
    }

    async fn take(&self, mut bytes: Vec<u8>, dialect: Dialect) -> Answer {
        let redactions = tripwire::sweep(&mut bytes);
        let notice = self.notices.card_data(&redactions);
        let read = dialect(&bytes, &self.retail);
        let answer = match read {
            Ok(transaction) => self.journal(transaction, bytes, redactions.total()).await,
            Err(refused) => self.refuse(refused, bytes, redactions.total()).await,
        };
        if let Some(notice) = notice {
            // the answer does not depend on it; a full disk has said so already
            let _ = self.sink.append(notice).await;
        }
        answer
    }

    async fn journal(&self, transaction: Transaction, bytes: Vec<u8>, redacted: u32) -> Answer {
        let register = transaction.key.register.clone();
        let spare = (bytes.len() > RECORD_SAFE_LEN).then(|| bytes.clone());
        let fact = Fact::Transaction(Box::new(transaction));
        match self.sink.append(self.captured(fact, bytes, redacted)).await {
            Ok(taken) => {
                self.counters.taken.fetch_add(1, Ordering::Relaxed);
                Answer::taken(taken)
            }
            Err(AppendError::TooLarge { what, found, wanted }) => {
                let words = format!("the ticket's {what} has {found} bytes, at most {wanted} are allowed");
                let fact = unreadable("oversized", &words, Some(register));
                match self.keep(fact, spare.unwrap_or_default(), redacted).await {
                    Ok(taken) => Answer::too_long(wanted, Some(taken)),
                    Err(error) => Answer::not_taken(&error),
                }
            }
            Err(error) => Answer::not_taken(&error),
        }
    }

    async fn refuse(&self, refused: Refused, bytes: Vec<u8>, redacted: u32) -> Answer {
        let words = refused.to_string();
        let fact = unreadable(refused.error.reason(), &words, refused.register);
        match self.keep(fact, bytes, redacted).await {
            Ok(taken) if refused.error.is_early() => Answer::early(&words, taken),
            Ok(taken) => Answer::refused(&words, taken),
            Err(error) => Answer::not_taken(&error),
        }
    }

    async fn keep_head(&self, mut bytes: Vec<u8>) -> Answer {
        bytes.truncate(HEAD_LEN + HEAD_MARGIN);
        let redactions = tripwire::sweep(&mut bytes);
        bytes.truncate(HEAD_LEN);
        bytes.shrink_to_fit();
        let words = format!(
            "the body has more than {} bytes; its first {} were kept",
            self.settings.body_len_max,
            bytes.len()
        );
        let kept = self
            .keep(unreadable("oversized", &words, None), bytes, redactions.total())
            .await;
        match kept {
            Ok(taken) => Answer::too_long(self.settings.body_len_max, Some(taken)),
            Err(error) => Answer::not_taken(&error),
        }
    }

    /// Journals bytes that did not become a transaction. The same bytes again, soon after, are not written again: a
    /// till that repeats its mistake every second must not wear out the disk.
    async fn keep(&self, fact: Fact, mut bytes: Vec<u8>, redacted: u32) -> Result<Taken, AppendError> {
        if bytes.len() > tillwire_proto::ATTACHMENT_LEN_MAX {
            bytes.truncate(HEAD_LEN); // swept, and longer than it came
        }
        let digest = tillwire_proto::Digest::of(&bytes);
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(taken) = self.kept.find(&digest, &fact) {
            return Ok(taken);
        }
        let taken = self
            .sink
            .append(self.captured(fact.clone(), bytes, redacted))
            .await?;
        self.kept.add(digest, fact, taken);
        Ok(taken)
    }

    fn captured(&self, fact: Fact, raw: Vec<u8>, redacted: u32) -> Captured {
        Captured {
            lane: self.settings.lane.clone(),
            witness: Witness::PosPush,
            redacted,
            raw,
            fact,
        }
    }
}

async fn ticket(State(source): State<Arc<HttpSource>>, headers: HeaderMap, body: Body) -> Response {
    source
        .push(&headers, body, heartland_retail::read_ticket)
        .await
        .into()
}

async fn till_event(State(source): State<Arc<HttpSource>>, headers: HeaderMap, body: Body) -> Response {
    source
        .push(&headers, body, heartland_retail::read_till_event)
        .await
        .into()
}
