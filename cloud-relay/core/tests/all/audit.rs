//! The log of what people did, against somebody who edits it.

use proptest::prelude::*;
use tillwire_proto::Digest;
use tillwire_relay_core::audit::{AuditEntry, Broken, Head, check};

type Chain = Vec<(AuditEntry, Digest)>;

fn chain(texts: &[(String, String, String)]) -> Chain {
    let mut head = Head::EMPTY;
    let mut chain = Vec::new();
    for (who, what, detail) in texts {
        let number = head.number + 1;
        let entry = AuditEntry {
            number,
            at_ms: i64::try_from(number).unwrap() * 1000,
            who: who.clone(),
            what: what.clone(),
            detail: detail.clone(),
        };
        let hash = entry.hash(head.hash);
        head = Head { number, hash };
        chain.push((entry, hash));
    }
    chain
}

fn texts() -> impl Strategy<Value = Vec<(String, String, String)>> {
    proptest::collection::vec(("[a-c]{0,3}", "[a-c]{0,3}", "[a-c]{0,3}"), 2..12)
}

proptest! {
    #[test]
    fn an_untouched_log_holds_and_any_part_continues_from_its_head(texts in texts(), cut in 0_usize..12) {
        let chain = chain(&texts);
        let cut = cut.min(chain.len());
        let whole = check(Head::EMPTY, chain.clone()).unwrap();
        let middle = check(Head::EMPTY, chain[..cut].to_vec()).unwrap();
        prop_assert_eq!(check(middle, chain[cut..].to_vec()).unwrap(), whole);
        prop_assert_eq!(whole.number, chain.len() as u64);
    }

    #[test]
    fn a_changed_removed_doubled_or_moved_entry_is_found(texts in texts(), at in 0_usize..12, how in 0_u8..6) {
        let before = chain(&texts);
        let at = at % (before.len() - 1);
        let mut after = before.clone();
        match how {
            0 => after[at].0.who.push('x'),
            1 => after[at].0.at_ms += 1,
            2 => { after.remove(at); }
            3 => after.insert(at, before[at].clone()),
            4 => after.swap(at, at + 1),
            // a letter that wanders from one field to the next is another entry
            _ => {
                let entry = &mut after[at].0;
                let Some(last) = entry.who.pop() else { return Ok(()) };
                entry.what.insert(0, last);
            }
        }
        prop_assert!(check(Head::EMPTY, after).is_err());
    }

    #[test]
    fn a_log_that_was_written_anew_does_not_continue_a_head_that_somebody_kept(texts in texts()) {
        let kept = check(Head::EMPTY, chain(&texts)).unwrap();
        let mut other = texts;
        other[0].2.push('!');
        let rewritten = chain(&other);
        prop_assert!(check(Head::EMPTY, rewritten.clone()).is_ok());
        prop_assert_ne!(rewritten.last().unwrap().1, kept.hash);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_number() {
    let text = |n: u8| (format!("p{n}"), "did".to_owned(), "it".to_owned());
    let mut log = chain(&[text(1), text(2), text(3)]);
    log[1].0.detail = "something else".to_owned();
    assert_eq!(check(Head::EMPTY, log.clone()), Err(Broken::Hash { number: 2 }));
    log.remove(1);
    let gap = check(Head::EMPTY, log).unwrap_err();
    assert_eq!(
        gap.to_string(),
        "found entry 3 after entry 1, wanted 2: an entry was removed or put in"
    );
}
