//! What keeps a retailer's month open, store by store.

use rusqlite::Connection;
use tillwire_relay_core::closing::{Blocker, BlockerKind, Month};
use tillwire_relay_core::settings::StoreSettings;

use crate::closing::look;
use crate::dashboard::view::{BlockerRow, Chip, MonthStore, MonthView, Tone};
use crate::store::StoreError;

pub(super) fn month<'a>(
    db: &Connection,
    stores: impl Iterator<Item = &'a StoreSettings>,
    month: Month,
    now_ms: i64,
) -> Result<MonthView, StoreError> {
    let mut rows = stores
        .map(|settings| Ok((stops(&look(db, settings, month, now_ms)?), settings)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    rows.sort_by_key(|((stops, _), _)| std::cmp::Reverse(*stops));
    Ok(MonthView {
        month: month.to_string(),
        stores: rows
            .into_iter()
            .map(|((stops, blockers), settings)| MonthStore {
                name: settings.name.clone(),
                state: state(stops),
                blockers: blockers.iter().map(|blocker| row(settings, blocker)).collect(),
            })
            .collect(),
    })
}

/// How many of them stop the month, and all of them.
fn stops(blockers: &[Blocker]) -> (usize, Vec<Blocker>) {
    let stops = blockers.iter().filter(|blocker| blocker.stops).count();
    (stops, blockers.to_vec())
}

fn state(stops: usize) -> Chip {
    let (tone, word) = match stops {
        0 => (Tone::Good, "can be closed".to_owned()),
        1 => (Tone::Bad, "1 thing keeps it open".to_owned()),
        several => (Tone::Bad, format!("{several} things keep it open")),
    };
    Chip { tone, word }
}

fn row(settings: &StoreSettings, blocker: &Blocker) -> BlockerRow {
    let path = |day| format!("/days/{}/{}/{day}", settings.tenant, settings.store);
    BlockerRow {
        day: blocker.day.map(|day| (day, path(day))),
        state: Chip {
            tone: if blocker.stops { Tone::Bad } else { Tone::Idle },
            word: word(blocker.kind).to_owned(),
        },
        what: blocker.what.clone(),
        mend: blocker.mend.clone(),
        at_risk: blocker.at_risk,
    }
}

const fn word(kind: BlockerKind) -> &'static str {
    match kind {
        BlockerKind::DayMissing => "missing day",
        BlockerKind::DayHeld => "day held",
        BlockerKind::NotPosted => "not posted",
        BlockerKind::Refused => "refused",
        BlockerKind::Unfinished => "under way",
        BlockerKind::HeldBack => "held back",
        BlockerKind::Suspense => "suspense",
        BlockerKind::BookedElsewhere => "other period",
        BlockerKind::Exception => "exception",
    }
}
