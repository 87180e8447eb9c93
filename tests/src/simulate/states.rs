//! Power cuts by the hundred thousand: a box and its relay work on a disk that records each write and sync, and then the
//! power goes after every single one of them, in many ways. What is found must keep every promise made by then: a ticket
//! that the till was told is taken, a record that the box was told is safe.
//!
//! Recorded once, cut often: nothing runs again, so that a state costs no more than opening what was found. Opening is the
//! agent's and the relay's own next start.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tillwire_agent::journal::make_folder;
use tillwire_proto::{Fact, RecordNumber, SegmentId, TicketNumber, decode_observation};

use super::relay::Relay;
use super::site::{Site, Wish};
use crate::disk_sim::{Disk, Flaw, Found, Keep, Recording};
use crate::relay_store::Held;
use crate::spread::{cores, spread};

/// What happens while the disk records.
const STEPS: u32 = 60;

/// Cuts drawn from one recording, or a few more.
const CUTS: u64 = 4_000;

/// Recordings for each flaw before it counts as not found.
const CONTROL_SEEDS: u64 = 5;

/// Bits that rot after one recording, one at a time.
const ROTTEN_BITS: u64 = 40;

/// 2026-11-27T12:00:00Z.
const NOON_MS: i64 = 1_795_780_800_000;

const BOX: &str = "box";
const RELAY: &str = "relay";

/// What somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Promise {
    /// A device: you are one of ours.
    Accepted,
    /// A till: your ticket is taken.
    Taken(SegmentId, RecordNumber, TicketNumber),
    /// A box: the relay holds this segment up to here.
    Held(SegmentId, RecordNumber),
}

/// What was tried, and nothing was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recordings.
    pub runs: u64,
    /// Writes, syncs and changes of names, after each of which the power was cut.
    pub operations: u64,
    /// Cuts drawn.
    pub cuts: u64,
    /// States among them that differed, opened by an agent or a relay.
    pub opened: u64,
    /// Bits that rotted ...
    pub rotted: u64,
    /// ... and how often that was noticed; the others changed nothing that was promised.
    pub noticed: u64,
}

impl Tally {
    const fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.cuts += other.cuts;
        self.opened += other.opened;
        self.rotted += other.rotted;
        self.noticed += other.noticed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            operations,
            cuts,
            opened,
            rotted,
            noticed,
        } = self;
        write!(
            f,
            "{cuts} power cuts after {operations} writes and syncs of {runs} boxes with their relays, {opened} different disks \
             opened, and every promise was kept; {rotted} rotten bits, {noticed} noticed, the others changed nothing that was \
             promised"
        )
    }
}

/// Cuts the power `cuts` times or a few more, on recordings with seeds from `first` on, on all cores.
///
/// # Errors
/// At the first promise that is broken, with what is needed to see it again; or where there is no FUSE.
pub fn campaign(first: u64, cuts: u64, disk: &Path) -> anyhow::Result<Tally> {
    let drawn = AtomicU64::new(0);
    let seeds = (first..).take_while(|_| drawn.load(Ordering::Relaxed) < cuts);
    let runs = spread(cores(), seeds, |seed| {
        let run = recorded(seed, disk).and_then(|run| run.cut_everywhere(cuts.min(CUTS), None));
        let run = run.with_context(|| format!("seed {seed}"))?;
        drawn.fetch_add(run.cuts, Ordering::Relaxed);
        Ok(run)
    })?;
    let mut tally = Tally::default();
    runs.iter().for_each(|run| tally.add(run));
    Ok(tally)
}

/// What the same cuts find where syncs are not done: for each flaw the first broken promise, in words.
///
/// # Errors
/// When one is not found in a few recordings: such a campaign finds nothing.
pub fn controls(first: u64, disk: &Path) -> anyhow::Result<Vec<(Flaw, String)>> {
    let mut found = Vec::new();
    for flaw in Flaw::ALL {
        let problem = (first..first + CONTROL_SEEDS).find_map(|seed| {
            let run = recorded(seed, disk);
            run.and_then(|run| run.cut_everywhere(CUTS, Some(flaw))).err()
        });
        let problem = problem.with_context(|| format!("with {flaw:?} nothing was found either"))?;
        found.push((flaw, format!("{problem:#}")));
    }
    Ok(found)
}

/// The next start of a program on what is found, and whether it keeps what was promised.
type Start = fn(&Path, &[Promise]) -> anyhow::Result<()>;

/// A recording, and what was promised at each of its marks.
struct Run {
    seed: u64,
    recording: Recording,
    promises: Vec<Promise>,
}

fn recorded(seed: u64, disk: &Path) -> anyhow::Result<Run> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    runtime.block_on(record(seed, disk))
}

/// A box sells and speaks with its relay, both start again now and then.
async fn record(seed: u64, disk: &Path) -> anyhow::Result<Run> {
    let disk = Disk::mount(disk)?;
    disk.record();
    let mut chance = StdRng::seed_from_u64(seed);
    let mut promises = Vec::new();
    let mut promise = |promise| {
        promises.push(promise);
        disk.mark(promises.len() as u64);
    };
    let (site_dir, relay_dir) = (disk.path().join(BOX), disk.path().join(RELAY));
    make_folder(&site_dir)?;
    make_folder(&relay_dir)?;
    let mut relay = Relay::new(&relay_dir, 1, None, NOON_MS, seed, None)?;
    relay.start(false).await?;
    let day = "2026-11-27".parse()?;
    let mut site = Site::new(0, site_dir, &[1_000, 1_000], day, relay.receipt_key(), seed, None)?;
    relay.enrol(&site.identity(), site.store().as_str()).await?;
    promise(Promise::Accepted);
    let (mut now, mut sold) = (0_u64, [0_u32; 2]);
    site.start(now, NOON_MS)?;
    for _ in 0..STEPS {
        now += chance.random_range(1..20_000);
        let wall = NOON_MS + i64::try_from(now)?;
        relay.clock.set(wall);
        site.set_clock(now, wall);
        match chance.random_range(0..20) {
            // a ticket; now and then the till has not heard of the last one and tells it again
            0..11 => {
                let till = chance.random_range(0..2);
                let again = sold[till] > 0 && chance.random_bool(0.1);
                sold[till] += u32::from(!again);
                let captured = site.tills[till].ticket(sold[till])?;
                let Fact::Transaction(transaction) = &captured.fact else {
                    bail!("a till that tells something else than tickets");
                };
                let ticket = transaction.key.ticket.clone();
                let life = site.life.as_mut().context("a box that runs")?;
                let taken = life.append(captured).await?;
                promise(Promise::Taken(taken.segment, taken.number, ticket));
            }
            11..16 => speak(&mut site, &mut relay, now, &mut promise).await?,
            16 => {
                relay.work().await?;
            }
            17 => {
                if let Some(life) = &site.life {
                    life.journal.tick();
                }
            }
            18 => {
                site.life = None;
                site.start(now, wall)?;
            }
            _ => {
                relay.life = None;
                relay.start(false).await?;
                if let Some(life) = &mut site.life {
                    life.disconnected(now);
                }
            }
        }
    }
    drop((site, relay));
    Ok(Run {
        seed,
        recording: disk.recorded()?,
        promises,
    })
}

/// The box and the relay say to each other what they have to say now.
async fn speak(
    site: &mut Site,
    relay: &mut Relay,
    now: u64,
    promise: &mut impl FnMut(Promise),
) -> anyhow::Result<()> {
    let (identity, receipt_key) = (site.identity(), site.receipt_key());
    let life = site.life.as_mut().context("a box that runs")?;
    life.woken(now);
    let mut heard = Vec::new();
    loop {
        let wishes = life.obey(now, &heard, None)?;
        let mut answers = Vec::new();
        for wish in wishes {
            match wish {
                Wish::Connect => life.connected(1, now),
                Wish::Disconnect => life.disconnected(now),
                Wish::Send(message) => answers.extend(relay.take(&identity, message).await),
                Wish::Believes(segment, through) => promise(Promise::Held(segment, through)),
            }
        }
        let wants_more = life.line.is_some() && !answers.is_empty();
        for (_, answer) in answers {
            life.hears(&answer, &receipt_key, now)?;
            heard = answer.to_vec();
            for wish in life.obey(now, &heard, None)? {
                if let Wish::Believes(segment, through) = wish {
                    promise(Promise::Held(segment, through));
                }
            }
        }
        if !wants_more {
            return Ok(());
        }
    }
}

impl Run {
    /// Cuts the power after each operation, in as many ways as its share of `cuts`; then lets bits rot.
    fn cut_everywhere(&self, cuts: u64, flaw: Option<Flaw>) -> anyhow::Result<Tally> {
        let mut chance = StdRng::seed_from_u64(self.seed ^ 0xC07);
        let mut tally = Tally {
            runs: 1,
            operations: self.recording.len() as u64,
            ..Tally::default()
        };
        let each = cuts.div_ceil(tally.operations.max(1));
        let mut seen = BTreeSet::new();
        let mut replay = self.recording.replay(flaw);
        let mut operation = 0_u64;
        while replay.step() {
            operation += 1;
            for _ in 0..each {
                let (crash, keep) = if chance.random_bool(0.2) {
                    (0, Keep::Nothing)
                } else {
                    (chance.random(), Keep::Some)
                };
                let told = usize::try_from(replay.marked().unwrap_or(0))?;
                let found = replay.crash(crash, keep);
                tally.cuts += 1;
                tally.opened += self.judge(&found, told, &mut seen).with_context(|| {
                    format!(
                        "power cut after operation {operation} of {} ({keep:?}, {crash})",
                        tally.operations
                    )
                })?;
            }
        }
        if flaw.is_none() {
            self.rot(&replay.crash(0, Keep::Nothing), &mut chance, &mut tally)?;
        }
        Ok(tally)
    }

    /// Opens what is found as agent and relay would, unless the same was opened with the same promises before. How many
    /// were opened.
    fn judge(&self, found: &Found, told: usize, seen: &mut BTreeSet<u64>) -> anyhow::Result<u64> {
        let mut opened = 0;
        let promises = self.promises.get(..told).context("a mark without a promise")?;
        for (name, open) in [(BOX, as_box as Start), (RELAY, as_relay as Start)] {
            let part = found.under(name);
            let mut hasher = DefaultHasher::new();
            (name, told, &part).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                opened += 1;
                let folder = scratch()?;
                part.write_to(folder.path())?;
                open(folder.path(), promises).with_context(|| format!("as the {name} finds it"))?;
            }
        }
        Ok(opened)
    }

    /// A journal with a rotten bit says so, or it is a bit on which nothing that was promised rests.
    fn rot(&self, found: &Found, chance: &mut StdRng, tally: &mut Tally) -> anyhow::Result<()> {
        let own = found.under(BOX);
        for _ in 0..ROTTEN_BITS {
            let (mut rotten, bit) = (own.clone(), chance.random());
            ensure!(
                rotten.rot(bit, |path| path == Path::new("journal.db")),
                "found no journal, wanted one to rot"
            );
            let folder = scratch()?;
            rotten.write_to(folder.path())?;
            tally.rotted += 1;
            let verified =
                tillwire_agent::journal::Reader::open(folder.path()).and_then(|reader| reader.verify());
            match verified {
                Ok(report) if report.broken.is_empty() => as_box(folder.path(), &self.promises)
                    .with_context(|| {
                        format!("bit {bit} of the journal rotted and `journal verify` saw nothing")
                    })?,
                _ => tally.noticed += 1,
            }
        }
        Ok(())
    }
}

/// A folder in memory where there is one: what is opened here is thrown away.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.context("make a folder")
}

/// The next start of the agent: its journal opens, every chain in it holds, and every ticket that a till was told is taken
/// is there, or receipted and pruned.
fn as_box(folder: &Path, promises: &[Promise]) -> anyhow::Result<()> {
    let taken = promises.iter().filter_map(|promise| match promise {
        Promise::Taken(segment, number, ticket) => Some((*segment, *number, ticket)),
        _ => None,
    });
    let taken: Vec<_> = taken.collect();
    if promises.contains(&Promise::Accepted) {
        tillwire_agent::identity::DeviceKey::read(folder)
            .context("the box was accepted and its key is gone")?;
    }
    super::site::found(folder).context("the journal does not open")?;
    let reader = tillwire_agent::journal::Reader::open(folder)?;
    let report = reader.verify()?;
    ensure!(report.broken.is_empty(), "{}", report.broken.join("; "));
    let mut there = BTreeSet::new();
    let mut pruned = std::collections::BTreeMap::new();
    for segment in reader.segments()? {
        pruned.insert(segment.id, segment.pruned.number);
        reader.each_record(&segment, segment.pruned.number, |record| {
            if let Fact::Transaction(transaction) = decode_observation(&record.body)?.fact {
                there.insert((segment.id, record.number, transaction.key.ticket));
            }
            Ok(())
        })?;
    }
    for (segment, number, ticket) in taken {
        let is_there = there.contains(&(segment, number, ticket.clone()));
        let was_pruned = pruned.get(&segment).is_some_and(|through| number <= *through);
        ensure!(
            is_there || was_pruned,
            "ticket {ticket} was told taken as record {number} of segment {segment} and is not there"
        );
    }
    Ok(())
}

/// The next start of the relay: its database opens, every chain in it holds, and every record that it gave a receipt for is
/// there.
fn as_relay(folder: &Path, promises: &[Promise]) -> anyhow::Result<()> {
    let database = folder.join("relay.db");
    super::relay::found(&database).context("the database does not open")?;
    let held = Held::read(&database)?;
    for (id, segment) in &held.segments {
        segment.verify(*id)?;
    }
    let devices: u64 =
        rusqlite::Connection::open(&database)?
            .query_row("SELECT count(*) FROM devices", [], |row| row.get(0))?;
    ensure!(
        devices > 0 || !promises.contains(&Promise::Accepted),
        "a device was accepted and the relay knows none"
    );
    for promise in promises {
        if let Promise::Held(segment, through) = promise {
            let holds = held.segments.get(segment).map_or(0, |segment| segment.through);
            ensure!(
                holds >= through.0,
                "the relay gave its receipt for {through} records of segment {segment} and holds {holds}"
            );
        }
    }
    Ok(())
}
