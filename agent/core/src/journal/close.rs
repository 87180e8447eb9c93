//! A register's day as the journal holds it, stated so that the relay can compare it with its own.

use tillwire_proto::{
    BusinessDay, CloseRecord, Currency, Digest, RecordNumber, RegisterId, SegmentId, Span, StoreId, Tally,
    Transaction, TransactionKind,
};

/// One transaction of the day with its place.
#[derive(Debug, Clone)]
pub struct DayRecord {
    /// Its segment.
    pub segment: SegmentId,
    /// Its number.
    pub number: RecordNumber,
    /// Its chain hash.
    pub hash: Digest,
    /// The transaction.
    pub transaction: Transaction,
}

/// True when a close record must follow a transaction: it closes the day, or the day was closed before it came.
#[must_use]
pub const fn close_due(kind: TransactionKind, closed_before: bool) -> bool {
    closed_before || matches!(kind, TransactionKind::DayClose)
}

/// Adds a register's day up as it was journaled: every record counts, also each revision of a ticket, so that the
/// relay can add the same stretch up without judging anything. A transaction in another currency than the store's
/// cannot be added and is left out; the relay, which leaves it out too, names it.
///
/// `records` are in journal order: by age of the segment, then by number.
#[must_use]
pub fn close_record(
    store: StoreId,
    register: RegisterId,
    day: BusinessDay,
    currency: Currency,
    records: &[DayRecord],
) -> CloseRecord {
    let mut spans: Vec<Span> = Vec::new();
    let mut tally = Tally::new(currency);
    for record in records {
        if tally.add(&record.transaction).is_err() {
            continue;
        }
        let at = (record.segment, record.number, record.hash);
        match spans.iter_mut().find(|span| span.segment == at.0) {
            Some(span) => {
                span.first = span.first.min(at.1);
                if span.last < at.1 {
                    (span.last, span.head) = (at.1, at.2);
                }
            }
            None => spans.push(Span {
                segment: at.0,
                first: at.1,
                last: at.1,
                head: at.2,
            }),
        }
    }
    CloseRecord {
        store,
        register,
        day,
        spans,
        tally,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::sale;
    use super::*;

    fn record(segment: u8, number: u64, cents: i64) -> DayRecord {
        DayRecord {
            segment: SegmentId([segment; 16]),
            number: RecordNumber(number),
            hash: Digest([u8::try_from(number).unwrap(); 32]),
            transaction: sale(&number.to_string(), cents),
        }
    }

    fn close(records: &[DayRecord]) -> CloseRecord {
        let key = &records[0].transaction.key;
        close_record(
            key.store.clone(),
            key.register.clone(),
            key.day,
            Currency::USD,
            records,
        )
    }

    #[test]
    fn a_close_spans_each_segment_from_first_to_last() {
        let close = close(&[record(1, 4, 500), record(1, 9, 250), record(2, 1, 100)]);
        assert_eq!(close.tally.trades, 3);
        assert_eq!(close.tally.net.minor(), 850);
        let spans: Vec<_> = close.spans.iter().map(|s| (s.first.0, s.last.0)).collect();
        assert_eq!(spans, [(4, 9), (1, 1)]);
        assert_eq!(close.spans[0].head, Digest([9; 32]));
    }

    #[test]
    fn a_close_follows_day_close_and_every_late_transaction() {
        assert!(close_due(TransactionKind::DayClose, false));
        assert!(close_due(TransactionKind::Sale, true));
        assert!(!close_due(TransactionKind::Sale, false));
    }
}
