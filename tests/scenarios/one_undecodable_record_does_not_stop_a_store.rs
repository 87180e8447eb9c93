//! A record whose bytes mean nothing to the relay (a newer agent's, or a fault of ours) sits in the middle of a
//! store's day. It is stored and shown; every record before and after it does its work.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use tillwire_e2e::world::Pace;
use tillwire_proto::{Digest, RecordNumber, SegmentId, chain};

use crate::story::{a_day, all_is_well, open, open_kinds};

/// Rows of the journal hold the segment's local number above these bits.
const NUMBER_BITS: u32 = 40;

/// Adds a record at the journal's end, chained as it should be, that no decoder reads.
fn slip_in(journal: &Path) {
    let db = Connection::open(journal).unwrap();
    let newest = "SELECT id, hash FROM records ORDER BY id DESC LIMIT 1";
    let (row, hash): (i64, Vec<u8>) = db
        .query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .unwrap()
        .unwrap();
    let segment: Vec<u8> = db
        .query_row(
            "SELECT id FROM segments WHERE no = ?1",
            [row >> NUMBER_BITS],
            |row| row.get(0),
        )
        .unwrap();
    let segment = SegmentId::from_slice(&segment).unwrap();
    let number = RecordNumber(u64::try_from((row & ((1 << NUMBER_BITS) - 1)) + 1).unwrap());
    let body = [0xee; 40];
    let hash = chain::record_hash(segment, number, Digest::from_slice(&hash).unwrap(), &body);
    let add = "INSERT INTO records (id, hash, body) VALUES (?1, ?2, ?3)";
    assert_eq!(
        db.execute(add, params![row + 1, hash.as_bytes(), body]).unwrap(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_undecodable_record_does_not_stop_a_store() {
    let world = open(24, 1, |_| {}).await;
    let events = a_day(&world, 10);
    let (morning, afternoon) = events.split_at(events.len() / 2);
    world.play(world.date, morning, Pace::AtOnce).await.unwrap();
    let site = &world.sites[0];
    site.agent.stop().unwrap();
    slip_in(&site.state_dir.join("journal.db"));
    site.agent.start().unwrap();
    world.play(world.date, afternoon, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    assert_eq!(
        open_kinds(&world)
            .iter()
            .filter(|kind| *kind == "undecodable")
            .count(),
        1
    );
}
