//! What the writer remembers of registers' days is what is on the disk.

use tillwire_agent::journal::{Journal, Receipted};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{Body, Fact, RecordNumber, RegisterId, TransactionKind};

use super::support::*;

/// More than the writer remembers at once.
const REGISTERS: usize = 40;

fn at(register: usize, mut captured: Captured) -> Captured {
    if let Fact::Transaction(transaction) = &mut captured.fact {
        transaction.key.register = RegisterId::new(&format!("till-{register}")).unwrap();
    }
    captured
}

fn on(day: &str, ticket: &str) -> Captured {
    captured(transaction(ticket, day, TransactionKind::Sale, trade(5)))
}

#[tokio::test]
async fn more_registers_than_are_remembered_each_keep_their_tickets_and_their_day() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for ticket in ["1002", "1001"] {
        for register in 0..REGISTERS {
            assert!(!append(&journal, at(register, sale(ticket, 5))).await.already);
        }
    }
    for ticket in ["1001", "1002"] {
        for register in 0..REGISTERS {
            assert!(append(&journal, at(register, sale(ticket, 5))).await.already);
        }
    }
    for register in 0..REGISTERS {
        append(&journal, at(register, day_close())).await;
    }
    let closes = closes(dir.path());
    assert_eq!(closes.len(), REGISTERS);
    assert!(closes.iter().all(|close| close.tally.trades == 2), "{closes:?}");
}

#[tokio::test]
async fn a_sale_after_its_days_close_is_accounted_for_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, sale("1001", 500)).await;
    append(&journal, day_close()).await;
    append(&journal, sale("1002", 100)).await;
    append(&journal, at(2, sale("1003", 100))).await; // another register's day is open
    let trades: Vec<_> = closes(dir.path())
        .iter()
        .map(|close| close.tally.trades)
        .collect();
    assert_eq!(trades, [1, 2]);
}

#[tokio::test]
async fn a_day_that_pruning_forgot_is_noted_again_with_its_next_ticket() {
    let dir = tempfile::tempdir().unwrap();
    let tight = Limits {
        prune_percent: 1,
        busy_percent: 99,
        journal_len_max: Some(1 << 20),
        ..limits()
    };
    let journal = open_limited(dir.path(), tight);
    for ticket in 0..300 {
        append(&journal, on("2026-01-01", &ticket.to_string())).await;
    }
    append(&journal, on("2026-11-14", "1")).await;
    all_at_the_relay(&journal, &dir);
    wait_until(|| days(&dir, "2026-01-01") == 0).await;
    append(&journal, on("2026-01-01", "300")).await;
    assert_eq!(days(&dir, "2026-01-01"), 1);
    let close = transaction(
        "Z1",
        "2026-01-01",
        TransactionKind::DayClose,
        Body::Close { stated: None },
    );
    append(&journal, captured(close)).await;
    assert_eq!(closes(dir.path()).len(), 1, "its day can be closed");
}

fn all_at_the_relay(journal: &Journal, dir: &tempfile::TempDir) {
    let segment = only_segment(dir.path());
    journal.receipted(Receipted {
        segment: segment.id,
        through: RecordNumber(300),
        at_ms: 1,
        message: b"signed".to_vec(),
    });
    journal.attached(segment.id, segment.attachments);
}

/// How often a day is noted.
fn days(dir: &tempfile::TempDir, day: &str) -> i64 {
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let day: tillwire_proto::BusinessDay = day.parse().unwrap();
    let sql = "SELECT count(*) FROM days WHERE day = ?";
    db.query_row(sql, [day.days_since_epoch()], |row| row.get(0))
        .unwrap()
}
