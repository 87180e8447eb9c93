//! One write transaction: appends, and the closes that follow from them.

use rusqlite::Transaction as Tx;
use tillwire_agent_core::journal::{Captured, close_due};
use tillwire_proto::{Fact, Notice, NoticeKind, RecordNumber, SegmentId, Stamp, Witness};

use super::days::{self, Day, Filed};
use super::handle::{AppendError, Taken};
use super::lane::{Lane, Origin};
use super::prepare::Prepared;
use crate::clock::Clock;

/// One write transaction under way. Nothing of it counts before the commit.
pub(super) struct Work<'a> {
    pub(super) tx: &'a Tx<'a>,
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
        if let Some(ticket) = &prepared.ticket {
            match days::look_up(self.tx, ticket, offered)? {
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
        let (segment, no, number) = self.write(prepared)?;
        if let (Some(ticket), Some(transaction)) = (&prepared.ticket, prepared.transaction()) {
            days::file(self.tx, ticket, no, number, revision)?;
            let day = Day::of(&prepared.lane, transaction);
            let closed = day.enter(self.tx, no, number)?;
            if close_due(transaction.key.kind, closed) && !self.closes.contains(&day) {
                self.closes.push(day);
            }
        }
        Ok(Ok(Taken {
            segment,
            number,
            already: false,
        }))
    }

    fn write(&mut self, prepared: &Prepared) -> anyhow::Result<(SegmentId, i64, RecordNumber)> {
        let lane = match self.lanes.iter().position(|l| l.lane == prepared.lane) {
            Some(at) => &mut self.lanes[at],
            None => {
                self.lanes.push(Lane::begin(
                    self.tx,
                    self.origin,
                    &prepared.lane,
                    self.clock,
                    self.started,
                )?);
                self.lanes.last_mut().expect("just pushed")
            }
        };
        let number = lane.write(self.tx, prepared)?;
        Ok((
            lane.head.segment,
            lane.no.expect("given with the first record"),
            number,
        ))
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
            let captured = Captured {
                lane: day.lane,
                witness: Witness::Agent,
                redacted: 0,
                raw: Vec::new(),
                fact,
            };
            self.write(&Prepared::new(captured, stamp)?)?;
        }
        Ok(())
    }
}
