//! One run, drawn from a seed: what is to be made true, and what goes wrong on the way. A plan is data, so that a failing
//! one can be printed and made smaller.

use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::hands::Act;
use super::meant::{Kind, Meant};
use crate::odoo_sim::{Fault, OdooVersion};

/// Versions of Odoo.
pub const VERSIONS: [OdooVersion; 3] = [OdooVersion::V17, OdooVersion::V18, OdooVersion::V19];

/// Moments of a relay that looks at Odoo before its first posting, and of each effect after that, about.
const LOOKING: usize = 50;
const DRIVING: usize = 25;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed of it.
    pub seed: u64,
    /// Which Odoo.
    pub version: OdooVersion,
    /// Whether moments count from the first relay's start, or only once it knows Odoo.
    pub from_start: bool,
    /// What is to be made true.
    pub meant: Vec<Meant>,
    /// What goes wrong.
    pub mishaps: Vec<Mishap>,
}

/// Something that goes wrong at the first moment from `at` on at which it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// A moment's number.
    pub at: usize,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The relay is killed; when a call is on its way, this becomes of it.
    Crash(Call),
    /// The relay stands still while a call is on its way, another one takes its place, and then it goes on.
    Freeze(Call),
    /// A call goes wrong.
    Fault(Fault),
    /// Odoo stops at a call, and is away for so many turns of the poster.
    Away {
        /// Whether it executes the call before it stops.
        executes: bool,
        /// Turns.
        turns: u32,
    },
    /// A person does something to the nth document.
    Person(Act, usize),
}

/// What becomes of a call whose caller is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It never arrived.
    Lost,
    /// It is executed.
    Executed,
    /// It is executed when so many others have arrived.
    Late(u64),
}

impl Plan {
    /// Draws one.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let meant = (1..=rng.random_range(1..=3)).flat_map(|number| {
            let kind = Kind::ALL[rng.random_range(0..Kind::ALL.len())];
            kind.draw(number, &mut rng)
        });
        let meant: Vec<Meant> = meant.collect();
        let from_start = rng.random_bool(0.1);
        let moments = DRIVING * (meant.len() + 1) + if from_start { LOOKING } else { 0 };
        let mut mishaps: Vec<Mishap> = (0..rng.random_range(1..=5))
            .map(|_| Mishap {
                at: rng.random_range(0..moments),
                what: What::draw(&mut rng, meant.len()),
            })
            .collect();
        mishaps.sort_by_key(|mishap| mishap.at);
        Self {
            seed,
            version: VERSIONS[rng.random_range(0..VERSIONS.len())],
            from_start,
            meant,
            mishaps,
        }
    }

    /// The same with one thing less, in every way there is.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let without = |n: usize| {
            let mut plan = self.clone();
            plan.mishaps.remove(n);
            plan
        };
        let mut all: Vec<Self> = (0..self.mishaps.len()).map(without).collect();
        if self.meant.len() > 1 {
            let mut plan = self.clone();
            plan.meant.pop();
            all.push(plan);
        }
        all
    }
}

impl What {
    fn draw(rng: &mut ChaCha8Rng, meant: usize) -> Self {
        match rng.random_range(0..100) {
            0..40 => Self::Crash(Call::draw(rng)),
            40..45 => Self::Freeze(Call::draw(rng)),
            45..75 => Self::Fault(quick_faults()[rng.random_range(0..quick_faults().len())].clone()),
            75..80 => Self::Away {
                executes: rng.random_bool(0.5),
                turns: rng.random_range(1..9),
            },
            _ => Self::Person(Act::draw(rng), rng.random_range(0..meant)),
        }
    }
}

impl Call {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..3) {
            0 => Self::Lost,
            1 => Self::Executed,
            _ => Self::Late(rng.random_range(1..40)),
        }
    }
}

/// Every fault that costs no time.
#[must_use]
pub fn quick_faults() -> Vec<Fault> {
    let proxy = |status| Fault::Proxy {
        status,
        retry_after: (status == 429).then_some(7),
    };
    let mut faults: Vec<Fault> = [429, 502, 503, 504].map(proxy).to_vec();
    faults.extend([502, 504].map(|status| Fault::ProxyAfterCommit { status }));
    faults.extend([
        Fault::Reset,
        Fault::HangUpBefore,
        Fault::CommitThenHangUp,
        Fault::CommitAfterCalls(1),
        Fault::CommitAfterCalls(3),
        Fault::ExecuteTwice,
        Fault::HalfAnswer,
        Fault::SerializationFailure,
    ]);
    faults
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "TILLWIRE_SEED={} on Odoo {}", self.seed, self.version)?;
        for meant in &self.meant {
            writeln!(f, "  {}: {}", meant.key(), meant.content().join(", "))?;
        }
        for Mishap { at, what } in &self.mishaps {
            writeln!(f, "  from moment {at}: {what:?}")?;
        }
        Ok(())
    }
}
