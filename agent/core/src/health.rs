//! Health: facts in, one verdict out. The worst thing first, in words that say what to do.

use crate::uplink::Doubt;

/// What is known about the agent right now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// True while sources are told *busy*.
    pub busy: bool,
    /// Used part of the disk, in percent.
    pub disk_percent: u8,
    /// The limit from which receipted records are pruned early, in percent.
    pub prune_percent: u8,
    /// For how many more trading days the disk takes sales without the relay; `None` before a day's size is known.
    pub buffer_days: Option<u16>,
    /// Records without a receipt.
    pub backlog: u64,
    /// True when the relay has answered on the present connection.
    pub up: bool,
    /// Since when nothing was heard of the relay, in milliseconds; `None` when it never was.
    pub unheard_ms: Option<u64>,
    /// How long the agent runs, in milliseconds.
    pub running_ms: u64,
    /// Our wall clock less the relay's, in milliseconds; `None` before the first answer.
    pub clock_ahead_ms: Option<i64>,
    /// Until the device certificate ends, in milliseconds.
    pub certificate_left_ms: Option<i64>,
    /// What the uplink found doubtful.
    pub doubts: Vec<Doubt>,
    /// The relay's last refusal, in words.
    pub refusal: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// Someone should look today.
    Warn,
    /// Someone must look now.
    Bad,
}

/// The worst thing, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How bad.
    pub level: Level,
    /// `ok`, or what is wrong and what to do.
    pub text: String,
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 86_400_000;

/// An agent may be without its relay for so long before someone is told: a line that comes back by itself is no news.
const QUIET_MS: u64 = 15 * MINUTE_MS;

/// A disk that lasts less than a long weekend without the relay is told.
const BUFFER_DAYS: u16 = 4;

/// Judges. Of several things the worst is named; of equals the first of this order.
#[must_use]
pub fn judge(facts: &Facts) -> Verdict {
    let checks = [disk, buffer, doubt, refused, link, certificate, clock];
    let found = checks.iter().filter_map(|check| check(facts));
    found
        .reduce(|worst, next| if next.level > worst.level { next } else { worst })
        .unwrap_or_else(|| Verdict {
            level: Level::Ok,
            text: "ok".to_owned(),
        })
}

fn verdict(level: Level, text: String) -> Option<Verdict> {
    Some(Verdict { level, text })
}

fn disk(facts: &Facts) -> Option<Verdict> {
    let percent = facts.disk_percent;
    if facts.busy {
        return verdict(
            Level::Bad,
            format!("the disk is {percent} % full and sources are told to wait; free space"),
        );
    }
    (percent >= facts.prune_percent && facts.prune_percent > 0).then(|| {
        verdict(
            Level::Warn,
            format!("the disk is {percent} % full; free space before sources must wait"),
        )
    })?
}

fn buffer(facts: &Facts) -> Option<Verdict> {
    let days = facts.buffer_days.filter(|days| *days < BUFFER_DAYS)?;
    verdict(
        Level::Warn,
        format!("the disk takes {days} more days of sales if the relay is away; free space"),
    )
}

fn doubt(facts: &Facts) -> Option<Verdict> {
    let text = match facts.doubts.iter().max()? {
        Doubt::Refused => return None, // told with the relay's own words below
        Doubt::OtherHash => {
            "the relay names another hash than this disk holds; run `tillwire-agent journal verify`"
        }
        Doubt::OldGeneration => {
            "a relay answered that is older than the one before; was it restored from a backup?"
        }
        Doubt::WantsPruned => "the relay wants records that were deleted here after its own receipt",
        Doubt::RolledBack => {
            "this disk is older than what the relay has of it; was it restored or did it lose writes?"
        }
    };
    verdict(Level::Bad, text.to_owned())
}

fn refused(facts: &Facts) -> Option<Verdict> {
    let refusal = facts
        .refusal
        .as_ref()
        .filter(|_| facts.doubts.contains(&Doubt::Refused))?;
    verdict(Level::Bad, format!("the relay refused records: {refusal}"))
}

fn link(facts: &Facts) -> Option<Verdict> {
    if facts.up {
        return None;
    }
    let silent = facts.unheard_ms.unwrap_or(facts.running_ms);
    let level = if silent >= 12 * HOUR_MS {
        Level::Bad
    } else {
        Level::Warn
    };
    let (minutes, backlog) = (silent / MINUTE_MS, facts.backlog);
    (silent >= QUIET_MS).then(|| {
        verdict(
            level,
            format!("no word from the relay for {minutes} minutes, {backlog} records wait; check the line"),
        )
    })?
}

fn certificate(facts: &Facts) -> Option<Verdict> {
    let days = facts.certificate_left_ms?.div_euclid(DAY_MS);
    match days {
        ..0 => verdict(
            Level::Bad,
            "the device certificate has ended; enroll this device again".to_owned(),
        ),
        0..7 => verdict(
            Level::Warn,
            format!("the device certificate ends in {days} days; enroll this device again"),
        ),
        _ => None,
    }
}

fn clock(facts: &Facts) -> Option<Verdict> {
    let ahead = facts.clock_ahead_ms?;
    let minutes = ahead.unsigned_abs() / MINUTE_MS;
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    (minutes >= 2).then(|| {
        verdict(
            Level::Warn,
            format!("this box's clock is {minutes} minutes {way} the relay's; sales are booked right anyway"),
        )
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Facts {
        Facts {
            up: true,
            disk_percent: 40,
            prune_percent: 85,
            running_ms: HOUR_MS,
            ..Facts::default()
        }
    }

    #[test]
    fn an_agent_without_trouble_says_ok() {
        assert_eq!(
            judge(&healthy()),
            Verdict {
                level: Level::Ok,
                text: "ok".to_owned()
            }
        );
    }

    #[test]
    fn the_worst_thing_is_named_and_not_the_first() {
        let facts = Facts {
            disk_percent: 90,
            doubts: vec![Doubt::RolledBack],
            clock_ahead_ms: Some(-3 * 60_000),
            ..healthy()
        };
        let verdict = judge(&facts);
        assert_eq!(verdict.level, Level::Bad);
        assert!(
            verdict.text.contains("older than what the relay has"),
            "{verdict:?}"
        );
    }

    #[test]
    fn a_disk_that_would_not_last_a_long_weekend_is_told_in_time() {
        let left = |buffer_days| {
            judge(&Facts {
                buffer_days,
                ..healthy()
            })
        };
        assert_eq!(left(None).level, Level::Ok);
        assert_eq!(left(Some(4)).level, Level::Ok);
        let verdict = left(Some(3));
        assert_eq!(verdict.level, Level::Warn);
        assert!(verdict.text.contains("3 more days"), "{verdict:?}");
    }

    #[test]
    fn a_short_outage_is_no_news_but_a_long_one_is() {
        let down = |unheard_ms| {
            judge(&Facts {
                up: false,
                backlog: 9,
                unheard_ms: Some(unheard_ms),
                ..healthy()
            })
        };
        assert_eq!(down(60_000).level, Level::Ok);
        assert_eq!(down(20 * 60_000).level, Level::Warn);
        assert_eq!(down(13 * HOUR_MS).level, Level::Bad);
        assert!(down(20 * 60_000).text.contains("9 records wait"));
    }

    #[test]
    fn a_wrong_clock_is_a_note_and_no_more() {
        let verdict = judge(&Facts {
            clock_ahead_ms: Some(-365 * DAY_MS),
            ..healthy()
        });
        assert_eq!(verdict.level, Level::Warn);
        assert!(verdict.text.contains("behind"), "{verdict:?}");
    }
}
