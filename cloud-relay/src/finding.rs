//! Finding: every record gets the names by which people look for it. Runs behind understanding, on its own; when it
//! has to catch up, records are found later and nothing else waits.

use std::time::Duration;

use tillwire_proto::decode_observation;
use tillwire_relay_core::finding::{names, wanted};
use tokio_util::sync::CancellationToken;

use crate::store::names::{self as kept, Hit, Named};
use crate::store::{Store, StoreError, records};

/// Batches taken up at once. Their names are one write, some ten milliseconds of it, and messages of boxes wait for the writer: with
/// thirty-two batches a box that came back with a long backlog waited for names more than for anything else.
const BATCHES_MAX: u32 = 4;

/// How long it sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_secs(5);

/// Names records until `stop`.
pub async fn run(store: Store, stop: CancellationToken) {
    let mut events = store.listen();
    loop {
        match step(&store).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::error!("records are stored, but cannot be found by name yet: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = events.recv() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// Names the records of the next batches. Returns how many batches there were.
///
/// # Errors
/// [`StoreError`]; nothing of the step is then written.
pub async fn step(store: &Store) -> Result<usize, StoreError> {
    let (named, last, count) = store
        .read(|db| {
            let batches = records::after(db, kept::position(db)?, BATCHES_MAX)?;
            let mut named: Vec<Named> = Vec::new();
            for batch in &batches {
                for record in records::records(batch)? {
                    // what does not decode is an exception of understanding's, and is named when it does
                    let Ok(observation) = decode_observation(&record.body) else {
                        continue;
                    };
                    named.extend(names(&observation).into_iter().map(|(kind, name)| Named {
                        name,
                        kind,
                        segment: batch.segment,
                        number: record.number,
                    }));
                }
            }
            // as they lie on disk, so that each page is written once
            named.sort_unstable();
            Ok((named, batches.last().map(|batch| batch.id), batches.len()))
        })
        .await?;
    if let Some(last) = last {
        store
            .write(move |unit| {
                kept::add(unit, &named)?;
                kept::advance(unit, last)
            })
            .await?;
    }
    Ok(count)
}

/// Records that go by what a person wrote: those with exactly that name, else those whose name begins with it. At most
/// `count_max`.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn find(db: &rusqlite::Connection, words: &str, count_max: usize) -> Result<Vec<Hit>, StoreError> {
    let mut hits = Vec::new();
    let texts = wanted(words);
    for text in &texts {
        hits.extend(kept::find(db, text, false, count_max - hits.len())?);
    }
    if hits.is_empty()
        && let Some(text) = texts.first()
    {
        hits = kept::find(db, text, true, count_max)?;
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use tillwire_relay_core::finding::NameKind;

    use super::*;
    use crate::testing::{Relay, options, sale};

    #[tokio::test]
    async fn a_sale_is_found_by_ticket_item_and_total_and_by_the_beginning_of_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let relay = Relay::open(&options(&dir)).await;
        let device = relay.enrol("d1").await;
        let mut segment = device.segment(1, None);
        segment.tell(&sale("2027-01-14", "10482", "TEE-M", 500));
        segment.tell(&sale("2027-01-14", "10483", "CAP", 700));
        let batch = segment.batch(1, segment.last().0);
        relay.publish(&device, device.seal(&batch)).await;
        while step(&relay.store).await.unwrap() > 0 {}
        let found = async |words: &str| {
            let words = words.to_owned();
            let hits = relay.store.read(move |db| find(db, &words, 10)).await.unwrap();
            hits.into_iter()
                .map(|hit| (hit.kind, hit.record.number.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("10482").await, [(NameKind::Ticket, 1)]);
        assert_eq!(found("tee-m").await, [(NameKind::Sku, 1)]);
        assert_eq!(found("$7").await, [(NameKind::Amount, 2)]);
        assert_eq!(
            found("1048").await,
            [(NameKind::Ticket, 1), (NameKind::Ticket, 2)]
        );
        assert_eq!(found("no such thing").await, []);
        assert_eq!(found("%").await, []);
        assert_eq!(step(&relay.store).await.unwrap(), 0, "everything has its names");
    }
}
