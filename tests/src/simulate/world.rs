//! Time, network and chance of a run, and what happens when.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tillwire_proto::{BusinessDay, LaneId, SegmentId};

use super::judge;
use super::mishaps::place_back;
use super::plan::{Bug, Mishap, Plan, SELLING_MS};
use super::relay::{End, Relay};
use super::site::Site;
use crate::odoo_sim::{OdooSim, OdooVersion};

/// When every run begins: 2026-11-24T16:00:00Z, in the morning of that business day in Chicago.
const START_MS: i64 = 1_795_536_000_000;

/// The business day of every run.
const DAY: &str = "2026-11-24";

/// From the start to an hour at which the business day is over everywhere: 26 hours.
const DAY_OVER_MS: u64 = 26 * 3_600_000;

/// Events after which a run that has not come to rest never will.
const EVENTS_MAX: u64 = 40_000;

/// A till that was not told *safe* offers the same again after so long, in milliseconds.
const OFFER_AGAIN_MS: u64 = 2_000;

/// How a run went.
#[derive(Debug, Clone)]
pub struct Played {
    /// What is wrong; nothing when all is well.
    pub problems: Vec<String>,
    /// What happened, in order.
    pub trace: Vec<String>,
    /// How many things happened.
    pub events: u64,
    /// Entries in Odoo at the end.
    pub entries: u64,
}

/// Something that happens.
#[derive(Debug)]
pub(super) enum Happening {
    Offer { site: usize, till: usize },
    Wake { site: usize },
    Connected { site: usize, line: u64 },
    NotConnected { site: usize },
    Closed { site: usize, line: u64 },
    Up { site: usize, line: u64, bytes: Vec<u8> },
    Down { site: usize, line: u64, bytes: Bytes },
    Work,
    StartSite(usize),
    StartRelay,
    Tick,
    Mishap(Mishap),
    PutBack(PathBuf),
}

/// What a line does to messages.
#[derive(Debug, Default, Clone)]
pub(super) struct Link {
    pub(super) cut_until: u64,
    pub(super) silent_until: u64,
    pub(super) doubled_until: u64,
    pub(super) slow_until: u64,
    /// When the last message of each direction arrives: a line keeps the order.
    pub(super) up_at: u64,
    pub(super) down_at: u64,
}

pub(super) struct World {
    pub(super) bug: Option<Bug>,
    pub(super) chance: StdRng,
    pub(super) now: u64,
    pub(super) agenda: BinaryHeap<Reverse<(u64, u64)>>,
    pub(super) waiting: BTreeMap<(u64, u64), Happening>,
    pub(super) count: u64,
    pub(super) sites: Vec<Site>,
    pub(super) relay: Relay,
    pub(super) odoo: Option<Arc<OdooSim>>,
    pub(super) links: Vec<Link>,
    pub(super) lines: u64,
    pub(super) wakes: Vec<Option<u64>>,
    pub(super) works_at: Option<u64>,
    pub(super) killed_next: Vec<Option<(bool, u64)>>,
    pub(super) answers_lost: Vec<u32>,
    /// A receipt is forged right after the next ticket, by site.
    pub(super) forged_next: Vec<bool>,
    pub(super) relay_gone_ms: u64,
    pub(super) posting_ends: Vec<End>,
    pub(super) calm: bool,
    pub(super) put_back: bool,
    /// What agents believe the relay holds, by its signed word, since the database was last put back.
    pub(super) believed: BTreeMap<SegmentId, u64>,
    pub(super) trace: Vec<String>,
    pub(super) problems: Vec<String>,
}

/// Plays a plan.
///
/// # Errors
/// When the run itself could not be set up; what the line did wrong is in [`Played::problems`].
pub async fn play(plan: &Plan, bug: Option<Bug>) -> anyhow::Result<Played> {
    // a folder in memory where there is one: the run's own disk is not what is tried here
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let folder = folder.context("make a folder for the run")?;
    let mut world = World::new(plan, bug, folder.path()).await?;
    world.run().await?;
    let entries = if world.problems.is_empty() {
        judge::at_the_end(&mut world)?
    } else {
        0
    };
    Ok(Played {
        problems: world.problems,
        trace: world.trace,
        events: world.count,
        entries,
    })
}

impl World {
    async fn new(plan: &Plan, bug: Option<Bug>, folder: &Path) -> anyhow::Result<Self> {
        let odoo = if plan.odoo {
            Some(Arc::new(OdooSim::start(version_of(plan.seed)).await?))
        } else {
            None
        };
        let stores = plan.sites.len();
        let mut relay = Relay::new(folder, stores, odoo.clone(), START_MS, plan.seed, bug)?;
        relay.start(false).await?;
        let day: BusinessDay = DAY.parse()?;
        let mut sites = Vec::new();
        for (number, counts) in plan.sites.iter().enumerate() {
            let home = folder.join(format!("box-{number}"));
            let mut site = Site::new(number, home, counts, day, relay.receipt_key(), plan.seed, bug)?;
            relay.enrol(&site.identity(), site.store().as_str()).await?;
            site.start(0, START_MS)?;
            sites.push(site);
        }
        // the registry of devices is read at the start of a life
        relay.life = None;
        relay.start(false).await?;
        let mut world = Self {
            bug,
            chance: StdRng::seed_from_u64(plan.seed ^ 0x5eed),
            now: 0,
            agenda: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            count: 0,
            links: vec![Link::default(); stores],
            lines: 0,
            wakes: vec![None; stores],
            works_at: None,
            killed_next: vec![None; stores],
            answers_lost: vec![0; stores],
            forged_next: vec![false; stores],
            relay_gone_ms: 0,
            posting_ends: Vec::new(),
            calm: false,
            put_back: false,
            believed: BTreeMap::new(),
            trace: Vec::new(),
            problems: Vec::new(),
            sites,
            relay,
            odoo,
        };
        for (site, counts) in plan.sites.iter().enumerate() {
            for till in 0..counts.len() {
                let at = world.chance.random_range(0..60_000);
                world.at(at, Happening::Offer { site, till });
            }
            world.settle(site, &[])?;
        }
        for (at, mishap) in &plan.mishaps {
            world.at(*at, Happening::Mishap(*mishap));
        }
        world.at(5_000, Happening::Tick);
        Ok(world)
    }

    /// Everything that happened by now, as one number: the same seed gives the same.
    pub(super) fn note(&mut self, words: impl Into<String>) {
        self.trace.push(format!("{:>9} {}", self.now, words.into()));
    }

    pub(super) fn wrong(&mut self, words: String) {
        self.note(format!("! {words}"));
        self.problems.push(words);
    }

    pub(super) fn at(&mut self, at: u64, happening: Happening) {
        let key = (at.max(self.now), self.lines_and_count());
        self.agenda.push(Reverse(key));
        self.waiting.insert(key, happening);
    }

    /// A number that no other event of the run has.
    pub(super) fn lines_and_count(&mut self) -> u64 {
        self.lines += 1;
        self.lines
    }

    pub(super) fn wall_ms(&self) -> i64 {
        START_MS + i64::try_from(self.now).unwrap_or(i64::MAX)
    }

    fn set_clocks(&self) {
        self.relay.clock.set(self.wall_ms());
        for site in &self.sites {
            site.set_clock(self.now, self.wall_ms());
        }
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        while self.problems.is_empty() {
            let Some(Reverse(key)) = self.agenda.pop() else {
                break;
            };
            let Some(happening) = self.waiting.remove(&key) else {
                continue;
            };
            self.now = key.0;
            self.count += 1;
            if self.count > EVENTS_MAX {
                self.wrong("it does not come to rest".to_owned());
                break;
            }
            if !self.calm && self.now > SELLING_MS {
                self.calm_down();
            }
            self.set_clocks();
            self.happens(happening).await?;
            if self.relay.has_died() {
                self.relay_gone();
            }
            if self.calm && self.is_at_rest() {
                return self.end_the_day().await;
            }
        }
        Ok(())
    }

    /// From here on nothing goes wrong any more.
    fn calm_down(&mut self) {
        self.calm = true;
        self.note("nothing goes wrong any more");
        self.relay.spare();
        self.links.fill(Link::default());
        self.killed_next.fill(None);
        self.answers_lost.fill(0);
        self.forged_next.fill(false);
    }

    fn is_at_rest(&self) -> bool {
        let sold = |site: &Site| site.tills.iter().all(|till| till.told == till.count);
        let quiet = |site: &Site| site.life.as_ref().is_some_and(super::site::Life::is_quiet);
        self.relay.life.is_some() && self.sites.iter().all(|site| sold(site) && quiet(site))
    }

    /// The day is over: the relay does what is left to do, however often it ends on the way.
    async fn end_the_day(&mut self) -> anyhow::Result<()> {
        self.now = self.now.max(DAY_OVER_MS);
        self.note("the day is over");
        for _ in 0..400 {
            self.set_clocks();
            if let Some(end) = self.posting_ends.pop() {
                self.relay.ends_at(end);
            }
            let next = self.relay.work().await?;
            if self.relay.has_died() {
                self.note("the relay is gone, and starts again");
                self.relay.start(false).await?;
                continue;
            }
            match next {
                None if self.posting_ends.is_empty() => return Ok(()),
                None => {}
                Some(at) => self.now = u64::try_from(at - START_MS).unwrap_or(self.now).max(self.now + 1),
            }
        }
        self.wrong("the relay's work does not come to an end".to_owned());
        Ok(())
    }

    fn relay_gone(&mut self) {
        self.note("the relay is gone");
        let gone_ms = std::mem::take(&mut self.relay_gone_ms).max(50);
        self.at(self.now + gone_ms, Happening::StartRelay);
        self.close_all_lines();
    }

    /// Lets a box say what it has to say, and notes when it wants to be woken.
    pub(super) fn settle(&mut self, site: usize, heard: &[u8]) -> anyhow::Result<()> {
        let (now, bug) = (self.now, self.bug);
        let Some(life) = &mut self.sites[site].life else {
            return Ok(());
        };
        let wishes = life.obey(now, heard, bug)?;
        let wakes_at = life.wakes_at();
        for wish in wishes {
            self.grant(site, wish)?;
        }
        if let Some(at) = wakes_at
            && self.wakes[site].is_none_or(|known| known > at || known <= now)
        {
            self.wakes[site] = Some(at.max(now + 1));
            self.at(at.max(now + 1), Happening::Wake { site });
        }
        Ok(())
    }

    async fn happens(&mut self, happening: Happening) -> anyhow::Result<()> {
        match happening {
            Happening::Offer { site, till } => self.offer(site, till).await?,
            Happening::Wake { site } => {
                self.wakes[site] = None;
                let now = self.now;
                if let Some(life) = &mut self.sites[site].life {
                    life.woken(now);
                }
                self.settle(site, &[])?;
            }
            Happening::Connected { site, line } => self.connected(site, line)?,
            Happening::NotConnected { site } => {
                let now = self.now;
                if let Some(life) = &mut self.sites[site].life {
                    life.disconnected(now);
                }
                self.settle(site, &[])?;
            }
            Happening::Closed { site, line } => {
                let now = self.now;
                if let Some(life) = &mut self.sites[site].life
                    && life.line == Some(line)
                {
                    life.disconnected(now);
                    self.note(format!("line {line} of box {site} is closed"));
                }
                self.settle(site, &[])?;
            }
            Happening::Up { site, line, bytes } => self.up(site, line, bytes).await?,
            Happening::Down { site, line, bytes } => self.down(site, line, &bytes)?,
            Happening::Work => {
                self.works_at = None;
                let next = self.relay.work().await?;
                if let Some(life) = &self.relay.life {
                    life.store.mark().await?;
                }
                if let Some(at) = next {
                    let at = u64::try_from(at - START_MS).unwrap_or(0);
                    self.work_at(at.clamp(self.now + 1, self.now + 60_000));
                }
            }
            Happening::StartSite(site) => {
                let (now, wall) = (self.now, self.wall_ms());
                self.note(format!("box {site} starts"));
                self.sites[site].start(now, wall)?;
                self.settle(site, &[])?;
            }
            Happening::StartRelay => self.start_relay().await?,
            Happening::Tick => {
                for site in &self.sites {
                    if let Some(life) = &site.life {
                        life.journal.tick();
                    }
                }
                if !(self.calm && self.is_at_rest()) {
                    self.at(self.now + 5_000, Happening::Tick);
                }
            }
            Happening::Mishap(mishap) => self.goes_wrong(mishap).await?,
            Happening::PutBack(copy) => {
                self.note("an older database is put back");
                self.relay.life = None;
                self.close_all_lines();
                place_back(&copy, &self.relay.database)?;
                self.put_back = true;
                self.at(self.now + 1_000, Happening::StartRelay);
            }
        }
        Ok(())
    }

    async fn start_relay(&mut self) -> anyhow::Result<()> {
        if self.relay.life.is_some() {
            return Ok(());
        }
        self.relay.start(false).await?;
        self.note("the relay starts");
        if std::mem::take(&mut self.put_back) {
            // what was receipted before, the last of it still on a line, is not held now; the agents will hear of it
            self.believed.clear();
        }
        let believed: Vec<(SegmentId, u64)> = self.believed.iter().map(|(id, n)| (*id, *n)).collect();
        for (segment, through) in believed {
            let held = self.relay.holds(segment)?.unwrap_or(0);
            if held < through {
                self.wrong(format!(
                    "a receipt through {through} of {segment} was given, and the relay that starts holds {held}"
                ));
            }
        }
        self.work_at(self.now + 100);
        Ok(())
    }

    pub(super) fn work_at(&mut self, at: u64) {
        if self.works_at.is_none_or(|known| known > at) {
            self.works_at = Some(at);
            self.at(at, Happening::Work);
        }
    }

    async fn offer(&mut self, site: usize, till: usize) -> anyhow::Result<()> {
        let till_ = &self.sites[site].tills[till];
        let ticket = till_.told + 1;
        if ticket > till_.count {
            return Ok(());
        }
        let mut captured = till_.ticket(ticket)?;
        let name = format!("{} of box {site}", till_.register());
        let told = match (self.sites[site].life.is_some(), self.killed_next[site]) {
            (false, _) => self.bug == Some(Bug::TillForgets),
            (true, Some((after_commit, gone_ms))) => {
                self.killed_next[site] = None;
                if after_commit && let Some(life) = &mut self.sites[site].life {
                    // committed, and its answer dies with the process
                    let _unheard = life.append(captured).await;
                }
                self.sites[site].life = None;
                self.note(format!(
                    "box {site} dies at ticket {ticket} of {name}, after its commit: {after_commit}"
                ));
                self.at(self.now + gone_ms, Happening::StartSite(site));
                !after_commit && self.bug == Some(Bug::SafeBeforeCommit)
            }
            (true, None) => {
                if self.bug == Some(Bug::TakesTwice) && self.answers_lost[site] > 0 {
                    captured.lane = LaneId::new(&format!("pos-{}", self.lines))?;
                }
                let Some(life) = &mut self.sites[site].life else {
                    return Ok(());
                };
                let taken = life.append(captured).await;
                let taken = taken.with_context(|| format!("ticket {ticket} of {name}"))?;
                self.note(format!(
                    "ticket {ticket} of {name} is record {} (already: {})",
                    taken.number, taken.already
                ));
                let heard = self.answers_lost[site] == 0;
                self.answers_lost[site] = self.answers_lost[site].saturating_sub(1);
                if std::mem::take(&mut self.forged_next[site]) {
                    self.forge_receipt(site)?;
                }
                heard
            }
        };
        let till_ = &mut self.sites[site].tills[till];
        let again = if told {
            till_.told += 1;
            let pause = SELLING_MS / u64::from(till_.count.max(1));
            self.chance.random_range(500..pause.max(501))
        } else {
            OFFER_AGAIN_MS
        };
        self.at(self.now + again, Happening::Offer { site, till });
        self.settle(site, &[])
    }
}

/// Each version of Odoo in its turn.
const fn version_of(seed: u64) -> OdooVersion {
    match seed / 3 % 3 {
        0 => OdooVersion::V17,
        1 => OdooVersion::V18,
        _ => OdooVersion::V19,
    }
}
