//! What happens in a run: stores, sales, and what goes wrong when. Drawn from a seed; the same seed draws the same.

use std::fmt;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The stores sell within this time, in milliseconds.
pub(super) const SELLING_MS: u64 = 20 * 60 * 1000;

/// Something that goes wrong, at most once each time that it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// A box's process ends at its next append, before or after the commit, and is started again.
    AgentKilled {
        /// Whose.
        site: usize,
        /// The sale was committed, and nobody heard of it.
        after_commit: bool,
        /// How long it is gone, in milliseconds.
        gone_ms: u64,
    },
    /// The relay's process ends at one of its next commits, and is started again.
    RelayKilled {
        /// The commit from now on.
        commit: u32,
        /// It was on the disk, and nobody heard of it.
        after_commit: bool,
        /// How long it is gone, in milliseconds.
        gone_ms: u64,
    },
    /// A connection is closed, and both ends know it. Some of what was under way still arrives.
    Cut {
        /// Whose.
        site: usize,
        /// How long no new one comes, in milliseconds.
        gone_ms: u64,
    },
    /// A line takes everything and carries nothing, and nobody is told.
    Silent {
        /// Whose.
        site: usize,
        /// How long, in milliseconds.
        gone_ms: u64,
    },
    /// For a while each message arrives twice.
    Doubled {
        /// Whose.
        site: usize,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// For a while each message takes its time.
    Slow {
        /// Whose.
        site: usize,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// A till's answer is lost: it offers the same ticket again.
    AnswersLost {
        /// Whose.
        site: usize,
        /// How many.
        count: u32,
    },
    /// A box's wall clock jumps.
    ClockJumps {
        /// Whose.
        site: usize,
        /// By so much, in milliseconds.
        by_ms: i64,
    },
    /// The relay's database is put aside, and later put back over what was stored meanwhile.
    Restored {
        /// How much later, in milliseconds.
        after_ms: u64,
    },
    /// The relay's process ends at a commit after the day's end, while it assesses and posts.
    PostingKilled {
        /// The commit, from the end of the day on.
        commit: u32,
        /// It was on the disk, and nobody heard of it.
        after_commit: bool,
    },
    /// Somebody on the line signs for everything that a box has, right after its next ticket, with a key of his own.
    Forged {
        /// Whose.
        site: usize,
    },
    /// Odoo commits its next writing call and does not say so.
    OdooSilent,
    /// Odoo is behind a proxy that answers for it for a few calls.
    OdooAway,
}

impl Mishap {
    /// Its kind in a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AgentKilled { .. } => "agents killed",
            Self::RelayKilled { .. } => "relays killed",
            Self::Cut { .. } => "lines cut",
            Self::Silent { .. } => "lines silent",
            Self::Doubled { .. } => "times of doubled messages",
            Self::Slow { .. } => "slow times",
            Self::AnswersLost { .. } => "times of lost answers",
            Self::ClockJumps { .. } => "clocks that jumped",
            Self::Restored { .. } => "databases put back",
            Self::PostingKilled { .. } => "relays killed while posting",
            Self::Forged { .. } => "receipts forged",
            Self::OdooSilent => "answers of Odoo lost",
            Self::OdooAway => "times without Odoo",
        }
    }
}

/// A machine with a mistake in it, which the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The agent says *safe* before its commit.
    SafeBeforeCommit,
    /// The relay signs a receipt before its commit.
    ReceiptBeforeCommit,
    /// The agent deletes what has no receipt.
    DeletesUnreceipted,
    /// The agent does not send again what has no receipt.
    NeverSendsAgain,
    /// What the agent sends again begins one record too far on.
    SendsAgainOneTooFar,
    /// The agent believes a receipt whoever signed it.
    BelievesStrangers,
    /// A till that hears nothing takes the ticket for told.
    TillForgets,
    /// The agent takes a ticket that it has for a new one.
    TakesTwice,
    /// An entry is asked of Odoo again without a look for the first one.
    PostsBlindly,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SafeBeforeCommit,
        Self::ReceiptBeforeCommit,
        Self::DeletesUnreceipted,
        Self::NeverSendsAgain,
        Self::SendsAgainOneTooFar,
        Self::BelievesStrangers,
        Self::TillForgets,
        Self::TakesTwice,
        Self::PostsBlindly,
    ];
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Drawn from this, and everything that the run leaves to chance.
    pub seed: u64,
    /// Tickets of each till of each store.
    pub sites: Vec<Vec<u32>>,
    /// What goes wrong, and when in milliseconds from the start.
    pub mishaps: Vec<(u64, Mishap)>,
    /// Whether the books are posted too.
    pub odoo: bool,
}

impl Plan {
    /// Draws a plan.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let sites: Vec<Vec<u32>> = (0..chance.random_range(1..=3))
            .map(|_| {
                (0..chance.random_range(1..=2))
                    .map(|_| chance.random_range(1..=8))
                    .collect()
            })
            .collect();
        let odoo = seed.is_multiple_of(3);
        let mut restored = odoo;
        let count = chance.random_range(0..=6);
        let mut mishaps: Vec<(u64, Mishap)> = Vec::new();
        while mishaps.len() < count {
            let at = chance.random_range(0..SELLING_MS);
            let mishap = mishap(&mut chance, sites.len());
            match mishap {
                // what Odoo knows and the database does not is found again by another job, with a person
                Mishap::Restored { .. } if restored => continue,
                Mishap::Restored { .. } => restored = true,
                Mishap::OdooAway | Mishap::OdooSilent if !odoo => continue,
                _ => {}
            }
            mishaps.push((at, mishap));
        }
        // drawn last, so that older seeds draw what they drew
        if chance.random_bool(0.3) {
            let site = chance.random_range(0..sites.len());
            mishaps.push((chance.random_range(0..SELLING_MS), Mishap::Forged { site }));
        }
        mishaps.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            sites,
            mishaps,
            odoo,
        }
    }

    /// Tickets of all stores.
    #[must_use]
    pub fn tickets(&self) -> u64 {
        self.sites.iter().flatten().map(|count| u64::from(*count)).sum()
    }

    /// Plans with one thing less.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.mishaps.len() {
            let mut less = self.clone();
            less.mishaps.remove(at);
            all.push(less);
        }
        if self.odoo
            && !self
                .mishaps
                .iter()
                .any(|(_, m)| matches!(m, Mishap::OdooAway | Mishap::OdooSilent))
        {
            all.push(Self {
                odoo: false,
                ..self.clone()
            });
        }
        for (site, tills) in self.sites.iter().enumerate() {
            for (till, count) in tills.iter().enumerate() {
                if *count > 1 {
                    let mut less = self.clone();
                    less.sites[site][till] = count / 2;
                    all.push(less);
                }
            }
        }
        all
    }
}

fn mishap(chance: &mut StdRng, sites: usize) -> Mishap {
    let site = chance.random_range(0..sites);
    let gone_ms = chance.random_range(100..240_000);
    match chance.random_range(0..14) {
        0 | 1 => Mishap::AgentKilled {
            site,
            after_commit: chance.random(),
            gone_ms,
        },
        2 | 3 => Mishap::RelayKilled {
            commit: chance.random_range(0..6),
            after_commit: chance.random(),
            gone_ms,
        },
        4 => Mishap::Cut { site, gone_ms },
        5 => Mishap::Silent { site, gone_ms },
        6 => Mishap::Doubled {
            site,
            for_ms: gone_ms,
        },
        7 => Mishap::Slow {
            site,
            for_ms: gone_ms,
        },
        8 => Mishap::AnswersLost {
            site,
            count: chance.random_range(1..4),
        },
        9 => Mishap::ClockJumps {
            site,
            by_ms: chance.random_range(-400_i64..400) * 86_400_000,
        },
        10 => Mishap::Restored {
            after_ms: chance.random_range(1_000..600_000),
        },
        11 => Mishap::PostingKilled {
            commit: chance.random_range(0..12),
            after_commit: chance.random(),
        },
        _ if chance.random() => Mishap::OdooSilent,
        _ => Mishap::OdooAway,
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = if self.odoo { ", posted to Odoo" } else { "" };
        writeln!(
            f,
            "seed {}: tickets of each till {:?}{books}",
            self.seed, self.sites
        )?;
        for (at, mishap) in &self.mishaps {
            writeln!(f, "  at {at} ms: {mishap:?}")?;
        }
        Ok(())
    }
}
