//! One write transaction: appends, and the closes that follow from them.

use rusqlite::Transaction as Tx;
use tillwire_agent_core::journal::{Captured, close_due};
use tillwire_proto::{Fact, LaneId, Notice, NoticeKind, Stamp, Witness};

use super::days::{Day, Filed};
use super::handle::{AppendError, Taken};
use super::lane::{Lane, Origin};
use super::plans::Plans;
use super::prepare::Prepared;
use crate::clock::Clock;

/// One write transaction under way. Nothing of it counts before the commit.
pub(super) struct Work<'a> {
    pub(super) tx: &'a Tx<'a>,
    pub(super) plans: Plans<'a>,
    pub(super) lanes: &'a mut Vec<Lane>,
    pub(super) origin: &'a Origin,
    pub(super) clock: &'a Clock,
    pub(super) started: Stamp,
    pub(super) closes: Vec<Day>,
}

impl Work<'_> {
    pub(super) fn append(&mut self, prepared: &mut Prepared) -> anyhow::Result<Result<Taken, AppendError>> {
        let offered = prepared.transaction().map_or(0, |t| t.key.revision);
        let mut revision = offered;
        let at = self.lane(&prepared.lane)?;
        if let Some(ticket) = &prepared.ticket {
            let lane = &mut self.lanes[at];
            let plans = &mut self.plans;
            match lane.days.look_up((self.tx, plans), lane.no, ticket, offered)? {
                Filed::Already(segment, number) => {
                    return Ok(Ok(Taken {
                        segment,
                        number,
                        already: true,
                    }));
                }
                Filed::Append(next) => revision = next,
            }
        }
        if let Err(refused) = prepared.revise(revision) {
            return Ok(Err(refused));
        }
        let lane = &mut self.lanes[at];
        let (no, number) = lane.write((self.tx, &mut self.plans), prepared)?;
        if let (Some(ticket), Some(transaction)) = (&prepared.ticket, prepared.transaction()) {
            let key = &transaction.key;
            let plans = &mut self.plans;
            let closed = lane
                .days
                .file((self.tx, plans), (no, number), ticket, (key.day, revision))?;
            if close_due(key.kind, closed) {
                let day = Day::of(&prepared.lane, transaction);
                if !self.closes.contains(&day) {
                    self.closes.push(day);
                }
            }
        }
        Ok(Ok(Taken {
            segment: lane.head.segment,
            number,
            already: false,
        }))
    }

    /// Where the lane is among the open ones; it is one from now on.
    fn lane(&mut self, id: &LaneId) -> anyhow::Result<usize> {
        if let Some(at) = self.lanes.iter().position(|open| open.lane == *id) {
            return Ok(at);
        }
        let lane = Lane::begin(self.tx, self.origin, id, self.clock, self.started)?;
        self.lanes.push(lane);
        Ok(self.lanes.len() - 1)
    }

    pub(super) fn append_closes(&mut self, stamp: Stamp) -> anyhow::Result<()> {
        for day in std::mem::take(&mut self.closes) {
            let fact = match day.close(self.tx, self.origin.currency)? {
                Some(close) => Fact::Close(close),
                None => Fact::Notice(Notice {
                    kind: NoticeKind::DiskFull,
                    text: day.cannot_close(),
                }),
            };
            let at = self.lane(&day.lane)?;
            self.lanes[at].days.closed(&day);
            let captured = Captured {
                lane: day.lane,
                witness: Witness::Agent,
                redacted: 0,
                raw: Vec::new(),
                fact,
            };
            let prepared = Prepared::new(captured, stamp)?;
            self.lanes[at].write((self.tx, &mut self.plans), &prepared)?;
        }
        Ok(())
    }
}
