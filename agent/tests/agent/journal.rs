//! The journal's promises, each with the fault that tries to break it.

use std::time::Duration;

use tillwire_agent::journal::{AppendError, Reader, Receipted, Segment, Sink, Taken};
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{Digest, Fact, NoticeKind, RecordNumber, TransactionKind, decode_header};

use super::support::*;

#[tokio::test]
async fn a_taken_sale_is_there_after_a_crash() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = open(before.path());
    let taken = append(&journal, sale("1001", 500)).await;
    copy_files(before.path(), after.path());
    let segment = only_segment(after.path());
    assert_eq!((segment.id, segment.last.number), (taken.segment, taken.number));
    let report = Reader::open(after.path()).unwrap().verify().unwrap();
    assert_eq!(
        (report.records, report.attachments, report.broken),
        (1, 1, vec![])
    );
}

#[tokio::test]
async fn each_start_begins_a_segment_after_what_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    append(&first, sale("1001", 500)).await;
    let last = append(&first, sale("1002", 700)).await;
    first.stop().await;
    open(dir.path()).stop().await; // captures nothing and leaves nothing
    let second = open(dir.path());
    let next = append(&second, sale("1003", 100)).await;
    assert_eq!(next.number, RecordNumber(1));
    let segments = Reader::open(dir.path()).unwrap().segments().unwrap();
    assert_eq!(segments.len(), 2);
    let header = decode_header(&segments[1].header).unwrap();
    let predecessor = header.predecessor.unwrap();
    assert_eq!(
        (predecessor.segment, predecessor.number),
        (last.segment, last.number)
    );
    assert_eq!(predecessor.hash, segments[0].last.hash);
    assert_eq!(header.generation, 3);
    let totals = header.grand_total.unwrap();
    assert_eq!((totals.trades, totals.net.minor()), (2, 1200));
}

#[tokio::test]
async fn perpetual_totals_survive_a_crash_between_their_marks() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = open(before.path());
    for ticket in 0..300 {
        append(&journal, sale(&ticket.to_string(), 10)).await;
    }
    copy_files(before.path(), after.path());
    let journal = open(after.path());
    append(&journal, sale("next", 10)).await;
    let segments = Reader::open(after.path()).unwrap().segments().unwrap();
    let totals = decode_header(&segments[1].header).unwrap().grand_total.unwrap();
    assert_eq!((totals.trades, totals.net.minor()), (300, 3000));
}

#[tokio::test]
async fn the_same_ticket_told_twice_is_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let first = append(&journal, sale("1001", 500)).await;
    let again = append(&journal, sale("1001", 500)).await;
    assert_eq!(
        again,
        Taken {
            already: true,
            ..first
        }
    );
    journal.stop().await;
    let after_restart = append(&open(dir.path()), sale("1001", 500)).await;
    assert_eq!(
        after_restart,
        Taken {
            already: true,
            ..first
        }
    );
    assert_eq!(observations(dir.path()).len(), 1);
}

#[tokio::test]
async fn a_changed_ticket_is_journaled_as_next_revision() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for cents in [500, 600, 500] {
        assert!(!append(&journal, sale("1001", cents)).await.already);
    }
    let revisions: Vec<u32> = observations(dir.path())
        .into_iter()
        .map(|o| match o.fact {
            Fact::Transaction(transaction) => transaction.key.revision,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(revisions, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_stay_dense_when_many_append_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let appends = (0..500).map(|i| {
        let journal = journal.clone();
        tokio::spawn(async move { append(&journal, sale(&(i % 400).to_string(), 5)).await })
    });
    let mut numbers = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        let taken = append.await.unwrap();
        if !taken.already {
            numbers.push(taken.number.0);
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=400).collect::<Vec<_>>());
    assert_eq!(
        Reader::open(dir.path()).unwrap().verify().unwrap().broken,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_day_close_is_followed_by_the_journals_own_account() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, sale("1001", 500)).await;
    append(&journal, sale("1002", 700)).await;
    append(&journal, sale("1002", 800)).await; // revised: a record like any other
    assert!(closes(dir.path()).is_empty());
    append(&journal, day_close()).await;
    let first = closes(dir.path());
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].tally.trades, first[0].tally.net.minor()), (3, 2000));
    assert_eq!((first[0].spans[0].first.0, first[0].spans[0].last.0), (1, 4));
    journal.stop().await;
    append(&open(dir.path()), sale("1003", 100)).await; // late, after a restart
    let closes = closes(dir.path());
    assert_eq!(closes.len(), 2);
    assert_eq!((closes[1].tally.trades, closes[1].tally.net.minor()), (4, 2100));
    assert_eq!(closes[1].spans.len(), 2);
}

#[tokio::test]
async fn a_record_larger_than_a_batch_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut big = sale("1001", 500);
    big.raw = vec![7; tillwire_proto::ATTACHMENT_LEN_MAX + 1];
    let error = journal.append(big).await.unwrap_err();
    assert!(
        matches!(
            error,
            AppendError::TooLarge {
                what: "attachment",
                ..
            }
        ),
        "{error}"
    );
    assert!(Reader::open(dir.path()).unwrap().segments().unwrap().is_empty());
}

#[tokio::test]
async fn a_full_journal_says_busy_and_goes_on_when_freed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        journal_len_max: Some(300 * 1024),
        ..limits()
    };
    let journal = open_limited(dir.path(), limits);
    let mut taken = Vec::new();
    for ticket in 0.. {
        let mut sale = sale(&ticket.to_string(), 5);
        sale.raw = clock_noise(ticket);
        match journal.append(sale).await {
            Ok(t) => taken.push(t),
            Err(error) => {
                assert_eq!(error, AppendError::Busy);
                break;
            }
        }
    }
    assert!(taken.len() > 10);
    assert_eq!(journal.append(sale("late", 5)).await, Err(AppendError::Busy));
    assert!(journal.progress().borrow().busy);
    // The relay has it all: room comes back by pruning.
    let segment = only_segment(dir.path());
    journal.receipted(receipt(&segment, segment.last.number, 1));
    journal.attached(segment.id, segment.attachments);
    wait_until(|| !journal.progress().borrow().busy).await;
    append(&journal, sale("late", 5)).await;
    let kinds = notices(dir.path());
    assert_eq!(kinds.last(), Some(&NoticeKind::DiskFreed));
    assert_eq!(
        Reader::open(dir.path()).unwrap().verify().unwrap().broken,
        Vec::<String>::new()
    );
    let kept = only_segment(dir.path());
    assert!(kept.pruned.number.0 > 0);
}

fn clock_noise(seed: u64) -> Vec<u8> {
    // Bytes that do not compress.
    (0..60)
        .flat_map(|i| Digest::of(format!("{seed} {i}").as_bytes()).0)
        .collect()
}

fn receipt(segment: &Segment, through: RecordNumber, at_ms: i64) -> Receipted {
    Receipted {
        segment: segment.id,
        through,
        at_ms,
        message: b"signed".to_vec(),
    }
}

#[tokio::test]
async fn unreceipted_records_are_never_pruned_however_full() {
    let dir = tempfile::tempdir().unwrap();
    let tight = Limits {
        prune_percent: 1,
        busy_percent: 99,
        journal_len_max: Some(8 << 20),
        ..limits()
    };
    let journal = open_limited(dir.path(), tight);
    for ticket in 0..600 {
        let mut sale = captured(transaction(
            &ticket.to_string(),
            "2026-11-01",
            TransactionKind::Sale,
            trade(5),
        ));
        sale.raw = clock_noise(ticket);
        append(&journal, sale).await;
    }
    append(&journal, sale("newest day", 5)).await;
    let segment = only_segment(dir.path());
    journal.receipted(receipt(&segment, RecordNumber(300), 1));
    wait_until(|| only_segment(dir.path()).pruned.number.0 > 0).await;
    journal.stop().await;
    let kept = only_segment(dir.path());
    assert!(kept.pruned.number.0 <= 300, "{kept:?}");
    assert_eq!(kept.last.number, RecordNumber(601));
    let report = Reader::open(dir.path()).unwrap().verify().unwrap();
    assert_eq!(report.broken, Vec::<String>::new());
    assert_eq!(report.attachments, 601, "attachments have receipts of their own");
}

#[tokio::test]
async fn the_disk_lasts_for_as_many_days_as_the_days_it_holds_were_large() {
    let dir = tempfile::tempdir().unwrap();
    let own = Limits {
        journal_len_max: Some(8 << 20),
        ..limits()
    };
    let journal = open_limited(dir.path(), own);
    let gauge = journal.progress();
    assert_eq!(gauge.borrow().buffer_days, None, "no day is known yet");
    for (day, ticket) in (1..=3).flat_map(|day| (0..50).map(move |ticket| (day, ticket))) {
        let mut sale = sale(&format!("{day}-{ticket}"), 5);
        if let Fact::Transaction(transaction) = &mut sale.fact {
            transaction.key.day = format!("2026-11-0{day}").parse().unwrap();
        }
        sale.raw = clock_noise(100 * day + ticket);
        append(&journal, sale).await;
    }
    // looked at now and then, so wait for a look after the last sale
    let looks_at_all = Duration::from_secs(7);
    tokio::time::sleep(looks_at_all).await;
    let days = gauge.borrow().buffer_days.unwrap();
    journal.stop().await;
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let held = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let used: u64 = db
        .query_row(held, [], |row| row.get::<_, i64>(0))
        .unwrap()
        .unsigned_abs();
    let fits = ((8 << 20) / 100 * u64::from(own.busy_percent) - used) * 3 / used;
    assert!(
        u64::from(days).abs_diff(fits) <= 1,
        "{days} days, wanted {fits} or so"
    );
}

#[tokio::test]
async fn a_restored_relay_lowers_the_mark_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for ticket in 0..5 {
        append(&journal, sale(&ticket.to_string(), 5)).await;
    }
    let segment = only_segment(dir.path());
    journal.receipted(receipt(&segment, RecordNumber(5), 1));
    wait_until(|| journal.progress().borrow().backlog == 0).await;
    journal.rewind(segment.id, RecordNumber(2));
    wait_until(|| journal.progress().borrow().backlog == 3).await;
    journal.stop().await;
    assert_eq!(only_segment(dir.path()).receipted, RecordNumber(2));
}

#[tokio::test]
async fn verify_finds_one_changed_byte_of_a_body() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for ticket in 0..3 {
        append(&journal, sale(&ticket.to_string(), 5)).await;
    }
    journal.stop().await;
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let sql =
        "UPDATE records SET body = CAST(substr(body, 1, length(body) - 1) || x'07' AS BLOB) WHERE id % 4 = 2";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    let broken = Reader::open(dir.path()).unwrap().verify().unwrap().broken;
    assert_eq!(broken.len(), 1);
    assert!(broken[0].contains("record 2 hashes to"), "{broken:?}");
}

#[tokio::test]
async fn an_export_holds_headers_and_records_as_lines() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let taken = append(&journal, sale("1001", 500)).await;
    let mut out = Vec::new();
    assert_eq!(Reader::open(dir.path()).unwrap().export(&mut out).unwrap(), 1);
    let lines: Vec<serde_json::Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["kind"], "header");
    assert_eq!(lines[0]["lane"], "http");
    assert_eq!(lines[1]["kind"], "record");
    assert_eq!(lines[1]["segment"], taken.segment.to_string());
    assert_eq!(lines[1]["n"], 1);
    assert_eq!(lines[1]["hash"].as_str().unwrap().len(), 64);
}

#[test]
fn two_agents_cannot_share_one_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _held = tillwire_agent::journal::lock(dir.path()).unwrap();
    let error = tillwire_agent::journal::lock(dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("another agent runs on"), "{error}");
}

#[tokio::test]
async fn verify_finds_a_ticket_that_told_again_would_count_twice() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, sale("1001", 500)).await;
    append(&journal, sale("1002", 700)).await;
    journal.stop().await;
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let broken = || Reader::open(dir.path()).unwrap().verify().unwrap().broken;
    assert_eq!(broken(), Vec::<String>::new());
    let second = "UPDATE tickets SET content = zeroblob(16) WHERE record = (SELECT max(record) FROM tickets)";
    db.execute(second, []).unwrap();
    assert!(
        broken()[0].contains("record 2 is not filed as ticket 1002"),
        "{:?}",
        broken()
    );
    db.execute("DELETE FROM tickets", []).unwrap();
    assert_eq!(broken().len(), 2);
}
