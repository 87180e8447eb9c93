use crate::testing::{Relay, day as date, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

use super::*;

const DAY: &str = "2027-01-14";

async fn exported() -> Vec<Line> {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let mut segment = device.segment(1, None);
    segment.tell(&sale("2027-01-13", "1", "A", 100));
    segment.tell(&sale(DAY, "2", "A", 500));
    segment.tell(&sale(DAY, "2", "A", 500));
    segment.tell(&sale(DAY, "3", "A", 250));
    for (first, last) in [(1, 2), (2, 3), (4, 4)] {
        relay
            .publish(&device, device.seal(&segment.batch(first, last)))
            .await;
    }
    Understanding::new(relay.store.clone(), settings())
        .step()
        .await
        .unwrap();
    relay
        .store
        .read(|db| {
            let settings = settings();
            let settings = settings.store(&tenant(), &store_id()).unwrap();
            day(db, &tenant(), &store_id(), date(DAY), settings, 1)
        })
        .await
        .unwrap()
}

fn check(lines: &[Line]) -> Verdict {
    let text: Vec<String> = lines
        .iter()
        .map(|line| serde_json::to_string(line).unwrap())
        .collect();
    verify(text.join("\n").as_bytes())
}

fn complaint(lines: &[Line]) -> String {
    check(lines).wrong.unwrap()
}

#[tokio::test]
async fn export_of_a_day_is_sound_and_adds_up() {
    let lines = exported().await;
    let verdict = check(&lines);
    assert_eq!(verdict.wrong, None);
    assert_eq!((verdict.segments, verdict.records, verdict.trades), (1, 4, 2));
    assert_eq!(verdict.net, "7.50 USD");
    assert_eq!(
        verdict.second,
        "nothing is posted yet, 0 items are moved as computed"
    );
}

#[tokio::test]
async fn what_was_posted_and_moved_is_held_against_the_records() {
    let mut lines = exported().await;
    let place = lines.len() - 2;
    let mut state = |cash: i64, pieces: i64| {
        lines[place] = Line::Stated {
            books: BTreeMap::from([("101501".to_owned(), cash), ("400000".to_owned(), -cash)]),
            stock: BTreeMap::from([("A".to_owned(), pieces)]),
        };
        check(&lines)
    };
    let good = state(750, 2_000_000);
    assert_eq!(good.wrong, None);
    assert_eq!(
        good.second,
        "2 accounts are posted as computed, 1 items are moved as computed"
    );
    let wrong = state(751, 2_000_000).wrong.unwrap();
    assert!(
        wrong.contains("account 101501: posted 751, the records give 750"),
        "{wrong}"
    );
    let wrong = state(750, 3_000_000).wrong.unwrap();
    assert!(
        wrong.contains("item A: moved 3000000, the records give 2000000"),
        "{wrong}"
    );
}

#[tokio::test]
async fn every_missing_line_is_noticed() {
    let lines = exported().await;
    for gone in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(gone);
        assert!(check(&fewer).wrong.is_some(), "line {gone} may be missing");
    }
}

#[tokio::test]
async fn changed_message_names_the_first_bad_record() {
    let mut lines = exported().await;
    let Line::Message { message, .. } = &mut lines[4] else {
        panic!("a message was expected")
    };
    let mut sealed = BASE64.decode(message.as_bytes()).unwrap();
    let at = sealed.len() / 2;
    sealed[at] ^= 1;
    *message = BASE64.encode(&sealed);
    let complaint = complaint(&lines);
    assert!(
        complaint.contains("line 5") && complaint.contains("record 3"),
        "{complaint}"
    );
}

#[tokio::test]
async fn changed_total_is_noticed_with_both_figures() {
    let mut lines = exported().await;
    let Some(Line::Totals { net, .. }) = lines.last_mut() else {
        panic!("totals were expected")
    };
    net.insert("USD".to_owned(), "8.50".to_owned());
    let complaint = complaint(&lines);
    assert!(
        complaint.contains("8.50 USD") && complaint.contains("7.50 USD"),
        "{complaint}"
    );
}
