//! The journal against a plain list: whatever is appended, told again, receipted, crashed and opened, the list and
//! the disk say the same.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use tillwire_agent::journal::{Journal, Reader, Receipted, Sink};
use tillwire_proto::{Fact, RecordNumber, SegmentId, decode_observation};

use super::support::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Offer this ticket with this many cents.
    Offer(u8, i64),
    /// The relay has so many percent of the open segment.
    Receipt(u64),
    /// Power is cut: the next start sees a copy of the files.
    Cut,
    /// A clean stop and start.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..12_u8, 1..4_i64).prop_map(|(ticket, cents)| Step::Offer(ticket, cents)),
        2 => (0..=100_u64).prop_map(Step::Receipt),
        1 => Just(Step::Cut),
        1 => Just(Step::Restart),
    ]
}

/// Ticket, cents and revision.
type Told = (u8, i64, u32);

/// What must be on disk.
#[derive(Debug, Default)]
struct Model {
    /// Per segment, in order of age, each record.
    records: Vec<(SegmentId, Vec<Told>)>,
    newest: BTreeMap<u8, (i64, u32)>,
    receipted: BTreeMap<SegmentId, u64>,
}

impl Model {
    async fn offer(&mut self, journal: &Journal, ticket: u8, cents: i64) {
        let taken = journal.append(sale(&ticket.to_string(), cents)).await.unwrap();
        let known = self.newest.get(&ticket).copied();
        assert_eq!(taken.already, known.is_some_and(|(before, _)| before == cents));
        if taken.already {
            return;
        }
        let revision = known.map_or(0, |(_, revision)| revision + 1);
        self.newest.insert(ticket, (cents, revision));
        if self
            .records
            .last()
            .is_none_or(|(segment, _)| *segment != taken.segment)
        {
            self.records.push((taken.segment, Vec::new()));
        }
        let (_, records) = self.records.last_mut().unwrap();
        records.push((ticket, cents, revision));
        assert_eq!(taken.number, RecordNumber(records.len() as u64));
    }

    fn receipt(&mut self, journal: &Journal, percent: u64) {
        let Some((segment, records)) = self.records.last() else {
            return;
        };
        let through = records.len() as u64 * percent / 100;
        let before = self.receipted.entry(*segment).or_default();
        *before = through.max(*before);
        journal.receipted(Receipted {
            segment: *segment,
            through: RecordNumber(through),
            at_ms: 1,
            message: vec![1],
        });
    }

    /// `exact` after a clean stop; a cut may lose the newest receipts, which is harmless.
    fn compare(&self, dir: &Path, exact: bool) {
        let reader = Reader::open(dir).unwrap();
        assert_eq!(reader.verify().unwrap().broken, Vec::<String>::new());
        let segments = reader.segments().unwrap();
        assert_eq!(segments.len(), self.records.len());
        for (segment, (id, records)) in segments.iter().zip(&self.records) {
            assert_eq!(segment.id, *id);
            let mut found = Vec::new();
            let each = |shown: tillwire_agent::journal::Shown| {
                let Fact::Transaction(sale) = decode_observation(&shown.body)?.fact else {
                    panic!("a sale")
                };
                let cents = sale.trade().unwrap().totals.total.minor();
                found.push((
                    sale.key.ticket.as_str().parse().unwrap(),
                    cents,
                    sale.key.revision,
                ));
                Ok(())
            };
            reader.each_record(segment, RecordNumber::HEADER, each).unwrap();
            assert_eq!(found, *records);
            let wanted = self.receipted.get(id).copied().unwrap_or(0);
            assert!(segment.receipted.0 <= wanted && (!exact || segment.receipted.0 == wanted));
        }
    }
}

async fn play(steps: Vec<Step>) {
    let mut dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Offer(ticket, cents) => model.offer(&journal, ticket, cents).await,
            Step::Receipt(percent) => model.receipt(&journal, percent),
            Step::Restart => {
                journal.stop().await;
                model.compare(dir.path(), false);
                journal = open(dir.path());
            }
            Step::Cut => {
                let after = tempfile::tempdir().unwrap();
                copy_files(dir.path(), after.path());
                model.compare(after.path(), false);
                // What the relay was not heard to have before the cut, it says again.
                journal = open(after.path());
                dir = after;
                for (segment, through) in &model.receipted {
                    let (segment, through) = (*segment, RecordNumber(*through));
                    journal.receipted(Receipted {
                        segment,
                        through,
                        at_ms: 2,
                        message: vec![2],
                    });
                }
            }
        }
    }
    journal.stop().await;
    model.compare(dir.path(), true);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn disk_and_plain_list_agree_after_every_crash(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps));
    }
}
