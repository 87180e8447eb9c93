//! The uplink's shell: obeys the machine in [`tillwire_agent_core::uplink`], with a line, the journal and a key.
//!
//! Signatures are checked here before the machine hears anything; our own hashes are looked up here, so that it can
//! compare. Reading and packing run beside the event loop. Nothing here is kept: what the relay must not lose is in
//! the journal, what the machine knows it learns again from the next hello.

mod desk;
mod line;
mod mqtt;
pub mod tls;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::{Command, Down, SegmentFacts, Uplink, View};
use tillwire_proto::{
    AgentHealth, AttachmentReceipt, DOWN_LEN_MAX, Digest, Envelope, Kind, Receipt, RecordNumber, Refusal,
    RelayHello, SegmentId, Want,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::journal::{Journal, Progress, Receipted};
pub use desk::{Attachments, Desk, Load};
pub use line::{Event, Line};
pub use mqtt::{Address, Mqtt, split_host_port};

/// What the uplink shows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The machine's state.
    pub view: View,
    /// Our wall clock less the relay's at its last hello, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// Why the last connection ended or could not be made.
    pub last_error: Option<String>,
}

/// What the uplink works with.
#[derive(Debug)]
pub struct Parts {
    /// The journal.
    pub journal: Journal,
    /// Reads and signs.
    pub desk: Desk,
    /// The relay's receipt key: Ed25519, 32 bytes.
    pub receipt_key: Vec<u8>,
    /// How to connect and when again.
    pub settings: RelayLink,
    /// Clocks.
    pub clock: Clock,
    /// Health for the hello, in a word.
    pub health: watch::Receiver<AgentHealth>,
    /// Where the uplink shows itself.
    pub shown: watch::Sender<Shown>,
}

/// Runs until `stop`.
///
/// # Errors
/// When the journal cannot be read: nobody can go on from there but the next start.
pub async fn run<L: Line>(line: L, mut parts: Parts, stop: CancellationToken) -> anyhow::Result<()> {
    let facts = parts.desk.segments().context("cannot read what is to be sent")?;
    let relay = parts.journal.reader()?.relay()?;
    let seed = u64::from_le_bytes(crate::clock::random());
    let machine = Uplink::new(
        parts.settings.clone(),
        seed,
        facts,
        relay,
        parts.clock.running_ms(),
    );
    let mut task = Task {
        line,
        machine,
        progress: parts.journal.progress(),
        journal: parts.journal,
        desk: Arc::new(Mutex::new(parts.desk)),
        receipt_key: parts.receipt_key,
        clock: parts.clock,
        health: parts.health,
        shown: parts.shown,
        heard: Vec::new(),
    };
    task.run(stop).await
}

struct Task<L> {
    line: L,
    machine: Uplink,
    journal: Journal,
    progress: watch::Receiver<Progress>,
    desk: Arc<Mutex<Desk>>,
    receipt_key: Vec<u8>,
    clock: Clock,
    health: watch::Receiver<AgentHealth>,
    shown: watch::Sender<Shown>,
    /// The message that is being taken, as signed: kept with the receipt that it is.
    heard: Vec<u8>,
}

impl<L: Line> Task<L> {
    async fn run(&mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            while let Some(command) = self.machine.next_command(self.clock.running_ms()) {
                tokio::select! {
                    () = stop.cancelled() => break,
                    obeyed = self.obey(command) => obeyed?,
                }
            }
            self.show();
            let wake = self
                .machine
                .poll_timeout()
                .map(|at| at.saturating_sub(self.clock.running_ms()));
            let wake = Duration::from_millis(wake.unwrap_or(3_600_000));
            tokio::select! {
                () = stop.cancelled() => {
                    self.line.close().await;
                    return Ok(());
                }
                event = self.line.next_event() => self.take(event).await?,
                changed = self.progress.changed() => {
                    changed.context("the journal has stopped")?;
                    self.appended().await?;
                }
                () = tokio::time::sleep(wake) => self.machine.handle_timeout(self.clock.running_ms()),
            }
        }
    }

    /// Runs blocking work on the desk.
    async fn at_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let desk = Arc::clone(&self.desk);
        let work = move || work(&mut desk.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work)
            .await
            .context("reading for the uplink failed")?
    }

    /// The journal has more than before.
    async fn appended(&mut self) -> anyhow::Result<()> {
        let open = self.progress.borrow_and_update().open.clone();
        for (segment, last, attachments) in open {
            if self.machine.knows(segment) {
                self.machine.handle_appended(segment, last, attachments);
            } else if let Some(facts) = self.at_desk(move |desk| desk.segment(segment)).await? {
                self.machine.handle_begun(SegmentFacts { attachments, ..facts });
            }
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Connect => self.connect().await,
            Command::Disconnect => {
                self.note("no receipt for a minute; connecting anew");
                // A half-open connection takes no leave: what was under way is sent again anyway.
                self.line.close().await;
            }
            Command::SendHello => self.hello().await?,
            Command::SendBatch {
                segment,
                from,
                with_header,
            } => {
                let batch = self
                    .at_desk(move |desk| desk.batch(segment, from, with_header))
                    .await?;
                let nothing = RecordNumber(from.0.saturating_sub(1));
                let (message, through) = batch.unwrap_or((Vec::new(), nothing));
                if through > nothing && !self.send(message) {
                    return Ok(());
                }
                self.machine
                    .handle_sent(self.clock.running_ms(), segment, through);
            }
            Command::SendAttachments {
                segment,
                from,
                through,
                offset,
            } => self.attachments(segment, from, through, offset).await?,
            Command::KeepReceipt {
                segment,
                through,
                at_ms,
            } => {
                self.clock.learn(at_ms);
                self.journal.receipted(Receipted {
                    segment,
                    through,
                    at_ms,
                    message: self.heard.clone(),
                });
            }
            Command::KeepAttached { segment, through } => self.journal.attached(segment, through),
            Command::Rewind { segment, through } => self.journal.rewind(segment, through),
            Command::Heard { relay, generation } => self.journal.heard(relay, generation),
            Command::RolledBack { segment, detail } => self.journal.rolled_back(segment, detail),
        }
        Ok(())
    }

    async fn connect(&mut self) {
        match self.line.connect().await {
            Ok(()) => {
                tracing::info!("connected to the relay");
                self.machine.handle_connected(self.clock.running_ms());
            }
            Err(error) => {
                self.note(&format!("{error:#}"));
                self.machine.handle_disconnected(self.clock.running_ms());
            }
        }
    }

    async fn hello(&mut self) -> anyhow::Result<()> {
        let (stamp, health) = (self.clock.stamp(), self.health.borrow().clone());
        for message in self.at_desk(move |desk| desk.hello(stamp, &health)).await? {
            if !self.send(message) {
                break;
            }
        }
        Ok(())
    }

    async fn attachments(
        &mut self,
        segment: SegmentId,
        from: u64,
        through: u64,
        offset: u32,
    ) -> anyhow::Result<()> {
        match self
            .at_desk(move |desk| desk.attachments(segment, from, through, offset))
            .await?
        {
            Attachments::Ready(load) => {
                if self.send(load.message) {
                    let now = self.clock.running_ms();
                    self.machine
                        .handle_attachments_sent(now, segment, from, load.through, load.digest);
                }
            }
            Attachments::Rotten { number, detail } => {
                tracing::error!("{detail}");
                self.journal.rotten(detail);
                self.machine.handle_attachments_missing(segment, from, number);
            }
            Attachments::Gone => self.machine.handle_attachments_missing(segment, from, through),
        }
        Ok(())
    }

    /// False when the line takes nothing: it is gone then, and the machine begins anew.
    fn send(&mut self, message: Vec<u8>) -> bool {
        let sent = self.line.send(message);
        if let Err(error) = &sent {
            self.note(&format!("{error:#}"));
            self.machine.handle_disconnected(self.clock.running_ms());
        }
        sent.is_ok()
    }

    async fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Closed(why) => {
                self.note(&why);
                self.machine.handle_disconnected(self.clock.running_ms());
                Ok(())
            }
            Event::Message(bytes) => self.message(bytes).await,
        }
    }

    async fn message(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        let believed = match believe(&bytes, &self.receipt_key) {
            Ok(believed) => believed,
            Err(error) => {
                tracing::warn!(%error, "a message that is not the relay's word was dropped");
                return Ok(());
            }
        };
        self.heard = bytes;
        let now = self.clock.running_ms();
        match believed {
            Believed::Hello(hello) => {
                self.clock.learn(hello.at_ms);
                let ahead = self.clock.wall_ms().saturating_sub(hello.at_ms);
                self.shown.send_modify(|shown| shown.clock_ahead_ms = Some(ahead));
                let (hello, ours) = self
                    .at_desk(move |desk| {
                        let ours = desk.ours_of(&hello)?;
                        Ok((hello, ours))
                    })
                    .await?;
                self.machine.handle_message(now, &Down::Hello(&hello, &ours));
            }
            Believed::Receipt(receipt) => {
                let (segment, through) = (receipt.segment, receipt.through);
                let ours: Option<Digest> = self.at_desk(move |desk| desk.ours(segment, through)).await?;
                self.machine.handle_message(now, &Down::Receipt(&receipt, ours));
            }
            Believed::Want(want) => self.machine.handle_message(now, &Down::Want(&want)),
            Believed::Attachment(receipt) => self
                .machine
                .handle_message(now, &Down::AttachmentReceipt(&receipt)),
            Believed::Refusal(refusal) => {
                tracing::warn!(reason = ?refusal.reason, detail = %refusal.detail, "the relay refused a message");
                self.machine.handle_message(now, &Down::Refusal(&refusal));
            }
        }
        Ok(())
    }

    fn note(&self, why: &str) {
        tracing::info!("uplink: {why}");
        self.shown
            .send_modify(|shown| shown.last_error = Some(why.to_owned()));
    }

    fn show(&self) {
        let view = self.machine.view();
        self.shown.send_if_modified(|shown| {
            let changed = shown.view != view;
            if shown.view.up != view.up && view.up {
                shown.last_error = None;
            }
            shown.view = view;
            changed
        });
    }
}

/// A message whose signature is the relay's.
enum Believed {
    Hello(RelayHello),
    Receipt(Receipt),
    Want(Want),
    Attachment(AttachmentReceipt),
    Refusal(Refusal),
}

fn believe(bytes: &[u8], receipt_key: &[u8]) -> anyhow::Result<Believed> {
    let envelope = Envelope::open(bytes, DOWN_LEN_MAX)?;
    envelope.verify_relay(receipt_key)?;
    Ok(match envelope.kind {
        Kind::RelayHello => Believed::Hello(envelope.decode()?),
        Kind::Receipt => Believed::Receipt(envelope.decode()?),
        Kind::Want => Believed::Want(envelope.decode()?),
        Kind::AttachmentReceipt => Believed::Attachment(envelope.decode()?),
        Kind::Refusal => Believed::Refusal(envelope.decode()?),
        up => anyhow::bail!("found {up:?} coming down, wanted a relay's message"),
    })
}
