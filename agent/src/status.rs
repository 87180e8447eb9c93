//! How the agent is doing: gathered in one place, judged by the core, shown as JSON at `GET /status`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tillwire_agent_core::health::{Facts, Level, judge};
use tillwire_proto::{AgentHealth, DeviceId, Note, RegisterId, StoreId};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::{Progress, Reader};
use crate::uplink::Shown;

/// Everything that `status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `ok`, `warn`, `bad`, or `stopped` when it was read from the journal of an agent that does not run.
    pub level: String,
    /// `ok`, or the worst thing that is wrong and what to do.
    pub text: String,
    /// The agent's version.
    pub version: String,
    /// The store.
    pub store: StoreId,
    /// This device.
    pub device: Option<DeviceId>,
    /// Records without a receipt.
    pub backlog: u64,
    /// Attachments without a receipt.
    pub attachments: u64,
    /// Records journaled since start.
    pub appended: u64,
    /// Offers since start that were there already.
    pub already: u64,
    /// Offers since start that were answered *busy*.
    pub refused: u64,
    /// Used part of the disk, in percent.
    pub disk_percent: u8,
    /// For how many more trading days the disk takes sales without the relay.
    #[serde(default)]
    pub buffer_days: Option<u16>,
    /// True when the relay has answered on the present connection.
    pub connected: bool,
    /// Since the relay was heard, in milliseconds.
    pub heard_ms_ago: Option<u64>,
    /// Round trip from batch to receipt, in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// Our wall clock less the relay's, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// Why the last connection ended or could not be made.
    pub last_error: Option<String>,
    /// Wall clock of each register's newest transaction since start, in milliseconds since 1970-01-01T00:00:00Z.
    pub last_sale: BTreeMap<RegisterId, i64>,
}

/// Sees all parts of a running agent.
#[derive(Debug, Clone)]
pub struct Monitor {
    pub(crate) store: StoreId,
    pub(crate) device: DeviceId,
    pub(crate) prune_percent: u8,
    /// When the device certificate ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) certificate_ends_ms: i64,
    pub(crate) clock: Clock,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) shown: watch::Receiver<Shown>,
}

impl Monitor {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        let (progress, shown) = (self.progress.borrow().clone(), self.shown.borrow().clone());
        let running_ms = self.clock.running_ms();
        let heard_ms_ago = shown.view.heard_at.map(|at| running_ms.saturating_sub(at));
        let verdict = judge(&Facts {
            busy: progress.busy,
            disk_percent: progress.disk_percent,
            prune_percent: self.prune_percent,
            buffer_days: progress.buffer_days,
            backlog: progress.backlog,
            up: shown.view.up,
            unheard_ms: heard_ms_ago,
            running_ms,
            clock_ahead_ms: shown.clock_ahead_ms,
            certificate_left_ms: Some(
                self.certificate_ends_ms
                    .saturating_sub(self.clock.certificate_ms()),
            ),
            doubts: shown.view.doubts,
            refusal: shown.view.refusal,
        });
        let level = match verdict.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "bad",
        };
        Status {
            level: level.to_owned(),
            text: verdict.text,
            version: crate::VERSION.to_owned(),
            store: self.store.clone(),
            device: Some(self.device.clone()),
            backlog: progress.backlog,
            attachments: progress.attachments,
            appended: progress.appended,
            already: progress.already,
            refused: progress.refused,
            disk_percent: progress.disk_percent,
            buffer_days: progress.buffer_days,
            connected: shown.view.up,
            heard_ms_ago,
            round_trip_ms: shown.view.round_trip_ms,
            clock_ahead_ms: shown.clock_ahead_ms,
            last_error: shown.last_error,
            last_sale: progress.last_sale,
        }
    }

    /// The status as the relay's fleet view gets it.
    #[must_use]
    pub fn health(&self) -> AgentHealth {
        let status = self.status();
        let state = Note::cleaned(&status.text).unwrap_or_else(|| Note::new("ok").expect("a word is a note"));
        AgentHealth {
            backlog: status.backlog,
            attachments: status.attachments,
            disk_percent: status.disk_percent,
            buffer_days: status.buffer_days,
            certificate_ends_ms: self.certificate_ends_ms,
            state,
        }
    }

    /// `GET /status`.
    pub fn routes(self) -> Router {
        let show = |State(monitor): State<Arc<Self>>| async move { Json(monitor.status()) };
        Router::new()
            .route("/status", get(show))
            .with_state(Arc::new(self))
    }
}

/// Asks a running agent on this machine.
///
/// # Errors
/// When none answers.
pub fn ask(address: SocketAddr) -> anyhow::Result<Status> {
    let time = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, time)?;
    stream.set_read_timeout(Some(time))?;
    stream.write_all(format!("GET /status HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let Some((head, body)) = answer
        .split_once("\r\n\r\n")
        .filter(|(head, _)| head.contains(" 200 "))
    else {
        bail!("something else than an agent answers at {address}");
    };
    serde_json::from_str(body).with_context(|| format!("cannot read the answer under {head:?}"))
}

/// Reads what the journal alone can tell.
///
/// # Errors
/// When the journal cannot be read.
pub fn from_journal(state_dir: &Path, store: &StoreId, device: Option<DeviceId>) -> anyhow::Result<Status> {
    let segments = Reader::open(state_dir)?.segments()?;
    Ok(Status {
        level: "stopped".to_owned(),
        text: "the agent does not run here, or its HTTP source is not on a loopback address".to_owned(),
        version: crate::VERSION.to_owned(),
        store: store.clone(),
        device,
        backlog: segments.iter().map(crate::journal::Segment::backlog).sum(),
        attachments: segments
            .iter()
            .map(|s| s.attachments.saturating_sub(s.attached))
            .sum(),
        appended: 0,
        already: 0,
        refused: 0,
        disk_percent: 0,
        buffer_days: None,
        connected: false,
        heard_ms_ago: None,
        round_trip_ms: None,
        clock_ahead_ms: None,
        last_error: None,
        last_sale: BTreeMap::new(),
    })
}
