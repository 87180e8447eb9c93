//! A store: its tills, its box, and the box's lives one after the other. The box's shell is the simulation's own (it
//! obeys the uplink machine as the agent's does); machine, journal and desk are the agent's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tillwire_agent::clock::Clock;
use tillwire_agent::identity::DeviceKey;
use tillwire_agent::journal::{AppendError, Journal, OpenOptions, Origin, Receipted, Sink as _, Taken};
use tillwire_agent::uplink::{Attachments, Desk};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::{Limits, RelayLink};
use tillwire_agent_core::uplink::{Command, Down, SegmentFacts, Uplink};
use tillwire_proto::{
    AgentHealth, AttachmentReceipt, BootId, BusinessDay, Currency, DOWN_LEN_MAX, DeviceId, Digest, Envelope,
    Kind, LaneId, Note, Receipt, RecordNumber, Refusal, RelayHello, SegmentId, StoreId, TenantId, Version,
    Want,
};
use tillwire_relay::endpoint::{DeviceIdentity, DeviceRef};

use super::plan::Bug;
use super::till::Till;

/// What a box asks of the world around it.
#[derive(Debug)]
pub(super) enum Wish {
    /// A connection.
    Connect,
    /// To be rid of one.
    Disconnect,
    /// A message to leave.
    Send(Vec<u8>),
    /// Nothing: it believes that the relay holds this much, by its word.
    Believes(SegmentId, RecordNumber),
}

/// One store.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) number: usize,
    pub(super) folder: PathBuf,
    pub(super) tills: Vec<Till>,
    key: DeviceKey,
    origin: Origin,
    receipt_key: Vec<u8>,
    seed: u64,
    lives: u64,
    pub(super) life: Option<Life>,
    /// Its wall clock less the true time, in milliseconds.
    pub(super) skew_ms: i64,
    bug: Option<Bug>,
}

/// One life of the box.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) journal: Journal,
    desk: Desk,
    machine: Uplink,
    clock: Clock,
    /// The connection as the box sees it.
    pub(super) line: Option<u64>,
    /// What was sent once; for the box that never sends it again.
    sent: BTreeMap<SegmentId, RecordNumber>,
}

/// What a box writes at the head of its segments.
fn origin(number: usize, store: StoreId) -> anyhow::Result<Origin> {
    Ok(Origin {
        tenant: TenantId::new("acme")?,
        store,
        currency: Currency::USD,
        device: DeviceId::new(&format!("box-{}", number + 1))?,
        generations: BTreeMap::new(),
        version: Version::new("0.1.0")?,
        config: Digest([0; 32]),
        boot: BootId([0; 16]),
    })
}

fn open_journal(folder: &Path, origin: Origin, clock: Clock) -> anyhow::Result<Journal> {
    let limits = Limits {
        reserve_len: 0,
        ..Limits::default()
    };
    let options = OpenOptions {
        in_place: true,
        ..OpenOptions::default()
    };
    let home = LaneId::new("agent")?;
    Journal::open(folder, origin, home, limits, clock, &options)
}

/// Opens what is found in a box's folder as its next start would.
pub(super) fn found(folder: &Path) -> anyhow::Result<Journal> {
    open_journal(folder, origin(0, StoreId::new("s1")?)?, Clock::by_hand(0))
}

impl Site {
    pub(super) fn new(
        number: usize,
        folder: PathBuf,
        counts: &[u32],
        day: BusinessDay,
        receipt_key: Vec<u8>,
        seed: u64,
        bug: Option<Bug>,
    ) -> anyhow::Result<Self> {
        let store = StoreId::new(&format!("s{}", number + 1))?;
        std::fs::create_dir_all(&folder).context("make a box's folder")?;
        let tills = counts
            .iter()
            .enumerate()
            .map(|(till, count)| Till::new(&store, till, day, *count));
        Ok(Self {
            tills: tills.collect::<Result<_, _>>()?,
            key: DeviceKey::read_or_make(&folder)?,
            origin: origin(number, store)?,
            number,
            folder,
            receipt_key,
            seed,
            lives: 0,
            life: None,
            skew_ms: 0,
            bug,
        })
    }

    pub(super) fn store(&self) -> &StoreId {
        &self.origin.store
    }

    pub(super) fn identity(&self) -> DeviceIdentity {
        DeviceIdentity {
            device: DeviceRef {
                tenant: self.origin.tenant.clone(),
                device: self.origin.device.clone(),
            },
            public_key: Arc::from(self.key.public_point()),
            key_fingerprint: self.key.fingerprint(),
            serial: "01".to_owned(),
            not_after: i64::MAX,
        }
    }

    /// Starts a life.
    pub(super) fn start(&mut self, now_ms: u64, wall_ms: i64) -> anyhow::Result<()> {
        self.lives += 1;
        let clock = Clock::by_hand(self.seed ^ (self.lives << 8) ^ (self.number as u64) << 40);
        clock.set(wall_ms + self.skew_ms, now_ms);
        let journal = open_journal(&self.folder, self.origin.clone(), clock.clone())?;
        if self.bug == Some(Bug::DeletesUnreceipted) {
            let db = rusqlite::Connection::open(tillwire_agent::journal::database(&self.folder))?;
            db.execute("DELETE FROM records WHERE (id & 0xFFFFFFFFFF) > 1 AND rowid IN (SELECT max(id) FROM records)", [])?;
        }
        let signer = Box::new(self.key.signer()?);
        let mut desk = Desk::new(journal.reader()?, signer, self.origin.version.clone());
        let relay = journal.reader()?.relay()?;
        let settings = RelayLink::default();
        let machine = Uplink::new(settings, self.seed ^ self.lives, desk.segments()?, relay, now_ms);
        self.life = Some(Life {
            journal,
            desk,
            machine,
            clock,
            line: None,
            sent: BTreeMap::new(),
        });
        Ok(())
    }

    /// The time, for whoever looks at the box's clocks next.
    pub(super) fn set_clock(&self, now_ms: u64, wall_ms: i64) {
        if let Some(life) = &self.life {
            life.clock.set(wall_ms + self.skew_ms, now_ms);
        }
    }
}

impl Life {
    /// A till's ticket; as in the agent, *taken* is said after the commit.
    pub(super) async fn append(&mut self, captured: Captured) -> Result<Taken, AppendError> {
        let taken = self.journal.append(captured).await;
        if taken.is_ok() {
            // the journal's progress is what the uplink hears of new records
            self.appended().map_err(|_| AppendError::Stopped)?;
        }
        taken
    }

    fn appended(&mut self) -> anyhow::Result<()> {
        let open = self.journal.progress().borrow().open.clone();
        for (segment, last, attachments) in open {
            if self.machine.knows(segment) {
                self.machine.handle_appended(segment, last, attachments);
            } else if let Some(facts) = self.desk.segment(segment)? {
                self.machine.handle_begun(SegmentFacts { attachments, ..facts });
            }
        }
        Ok(())
    }

    /// The newest record and its hash, as who carries its messages knows them.
    pub(super) fn newest(&mut self) -> anyhow::Result<Option<(SegmentId, RecordNumber, Digest)>> {
        let open = self.journal.progress().borrow().open.clone();
        for (segment, last, _) in open {
            if let Some(hash) = self.desk.ours(segment, last)? {
                return Ok(Some((segment, last, hash)));
            }
        }
        Ok(None)
    }

    /// When it wants to be woken.
    pub(super) fn wakes_at(&self) -> Option<u64> {
        self.machine.poll_timeout()
    }

    pub(super) fn woken(&mut self, now_ms: u64) {
        self.machine.handle_timeout(now_ms);
    }

    pub(super) fn connected(&mut self, line: u64, now_ms: u64) {
        self.line = Some(line);
        self.machine.handle_connected(now_ms);
    }

    pub(super) fn disconnected(&mut self, now_ms: u64) {
        self.line = None;
        self.machine.handle_disconnected(now_ms);
    }

    /// Nothing is left to say: the relay has greeted, so that what it may have lost is known, and holds everything.
    pub(super) fn is_quiet(&self) -> bool {
        let (progress, view) = (self.journal.progress(), self.machine.view());
        let progress = progress.borrow();
        view.up && progress.backlog == 0 && progress.attachments == 0 && view.in_flight == 0
    }

    /// Obeys the machine until it has nothing more to say.
    pub(super) fn obey(&mut self, now_ms: u64, heard: &[u8], bug: Option<Bug>) -> anyhow::Result<Vec<Wish>> {
        let mut wishes = Vec::new();
        while let Some(command) = self.machine.next_command(now_ms) {
            match command {
                Command::Connect => wishes.push(Wish::Connect),
                Command::Disconnect => {
                    self.line = None;
                    wishes.push(Wish::Disconnect);
                }
                Command::SendHello => {
                    let health = AgentHealth {
                        backlog: self.journal.progress().borrow().backlog,
                        attachments: 0,
                        disk_percent: 0,
                        buffer_days: None,
                        certificate_ends_ms: 0,
                        state: Note::new("ok")?,
                    };
                    let hello = self.desk.hello(self.clock.stamp(), &health)?;
                    wishes.extend(hello.into_iter().map(Wish::Send));
                }
                Command::SendBatch {
                    segment,
                    from,
                    with_header,
                } => {
                    let again = self.sent.get(&segment).is_some_and(|before| *before >= from);
                    let first = if again && bug == Some(Bug::SendsAgainOneTooFar) {
                        from.next()
                    } else {
                        from
                    };
                    let batch = self.desk.batch(segment, first, with_header)?;
                    let nothing = RecordNumber(from.0.saturating_sub(1));
                    let (message, through) = batch.unwrap_or((Vec::new(), nothing));
                    let before = self.sent.insert(segment, through);
                    let again = before.is_some_and(|before| before >= through);
                    if through > nothing && !(again && bug == Some(Bug::NeverSendsAgain)) {
                        wishes.push(Wish::Send(message));
                    }
                    self.machine.handle_sent(now_ms, segment, through);
                }
                Command::SendAttachments {
                    segment,
                    from,
                    through,
                    offset,
                } => match self.desk.attachments(segment, from, through, offset)? {
                    Attachments::Ready(load) => {
                        wishes.push(Wish::Send(load.message));
                        self.machine.handle_attachments_sent(
                            now_ms,
                            segment,
                            from,
                            load.through,
                            load.digest,
                        );
                    }
                    Attachments::Rotten { number, detail } => {
                        self.journal.rotten(detail);
                        self.machine.handle_attachments_missing(segment, from, number);
                    }
                    Attachments::Gone => self.machine.handle_attachments_missing(segment, from, through),
                },
                Command::KeepReceipt {
                    segment,
                    through,
                    at_ms,
                } => {
                    wishes.push(Wish::Believes(segment, through));
                    self.clock.learn(at_ms);
                    self.journal.receipted(Receipted {
                        segment,
                        through,
                        at_ms,
                        message: heard.to_vec(),
                    });
                }
                Command::KeepAttached { segment, through } => self.journal.attached(segment, through),
                Command::Rewind { segment, through } => self.journal.rewind(segment, through),
                Command::Heard { relay, generation } => self.journal.heard(relay, generation),
                Command::RolledBack { segment, detail } => self.journal.rolled_back(segment, detail),
            }
        }
        Ok(wishes)
    }

    /// A message of the relay; what is not its word is dropped, as in the agent.
    pub(super) fn hears(&mut self, bytes: &[u8], receipt_key: &[u8], now_ms: u64) -> anyhow::Result<()> {
        let envelope = Envelope::open(bytes, DOWN_LEN_MAX)?;
        if envelope.verify_relay(receipt_key).is_err() {
            return Ok(());
        }
        match envelope.kind {
            Kind::RelayHello => {
                let hello: RelayHello = envelope.decode()?;
                let ours = self.desk.ours_of(&hello)?;
                self.machine.handle_message(now_ms, &Down::Hello(&hello, &ours));
            }
            Kind::Receipt => {
                let receipt: Receipt = envelope.decode()?;
                let ours = self.desk.ours(receipt.segment, receipt.through)?;
                self.machine
                    .handle_message(now_ms, &Down::Receipt(&receipt, ours));
            }
            Kind::Want => {
                let want: Want = envelope.decode()?;
                self.machine.handle_message(now_ms, &Down::Want(&want));
            }
            Kind::AttachmentReceipt => {
                let receipt: AttachmentReceipt = envelope.decode()?;
                self.machine
                    .handle_message(now_ms, &Down::AttachmentReceipt(&receipt));
            }
            Kind::Refusal => {
                let refusal: Refusal = envelope.decode()?;
                self.machine.handle_message(now_ms, &Down::Refusal(&refusal));
            }
            up => anyhow::bail!("found {up:?} coming down, wanted a relay's message"),
        }
        Ok(())
    }
}

impl Site {
    pub(super) fn receipt_key(&self) -> Vec<u8> {
        self.receipt_key.clone()
    }
}
