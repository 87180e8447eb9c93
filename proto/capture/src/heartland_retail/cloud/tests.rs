//! What is asked next, and how pages read.

use super::*;

/// Before all that is listed here.
const CURSOR: &str = "2026-11-14T16:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn listed(id: u32, time: &str) -> Listed<'static> {
    Listed {
        id: id.to_string(),
        updated_at: at(time),
        location: "1".to_owned(),
        settled: true,
        body: b"{}",
    }
}

fn page(total: Option<u64>, tickets: &[Listed<'static>]) -> Page<'static> {
    Page {
        total,
        tickets: tickets.to_vec(),
    }
}

#[test]
fn question_overlaps_and_begins_with_a_whole_minute() {
    let question = Question::after(at("2026-11-14T16:32:17Z"), 300);
    assert_eq!(question.since, at("2026-11-14T16:27:00Z"));
    let path = question.path(Listing::Tickets);
    assert!(
        path.contains("%22%24gte%22%3A%222026-11-14T16:27:00%2B00:00%22"),
        "{path}"
    );
    assert!(
        path.contains("_include%5B%5D=lines&_include%5B%5D=payments"),
        "{path}"
    );
}

#[test]
fn full_page_is_followed_by_its_last_minute_and_a_crowded_minute_by_longer_pages() {
    let question = Question {
        since: at("2026-11-14T16:27:00Z"),
        len: 2,
        within: None,
        cursor: at(CURSOR),
    };
    let onward = [
        listed(1, "2026-11-14T16:27:10Z"),
        listed(2, "2026-11-14T16:29:10Z"),
    ];
    let next = question.next(&page(None, &onward));
    assert_eq!(
        next,
        Next::Ask(Question {
            since: at("2026-11-14T16:29:00Z"),
            len: PAGE_LEN,
            within: None,
            cursor: at(CURSOR),
        })
    );
    let same = [
        listed(1, "2026-11-14T16:27:10Z"),
        listed(2, "2026-11-14T16:27:50Z"),
    ];
    assert_eq!(
        question.next(&page(None, &same)),
        Next::Ask(Question {
            since: question.since,
            len: 10,
            within: None,
            cursor: at(CURSOR),
        })
    );
    assert_eq!(
        question.next(&page(None, &same[..1])),
        Next::Done(at("2026-11-14T16:27:10Z"))
    );
    assert_eq!(question.next(&page(None, &[])), Next::Done(question.since));
}

#[test]
fn minute_with_more_changes_than_a_page_holds_is_read_by_id_and_then_left() {
    let longest = Question {
        since: at("2026-11-14T16:27:00Z"),
        len: PAGE_LEN_MAX,
        within: None,
        cursor: at(CURSOR),
    };
    let many = vec![listed(7, "2026-11-14T16:27:10Z"); PAGE_LEN_MAX as usize];
    let by_id = Question {
        within: Some(0),
        ..longest
    };
    assert_eq!(longest.next(&page(None, &many)), Next::Ask(by_id));
    let path = by_id.path(Listing::Tickets);
    assert!(
        path.contains("sort=id&")
            && path.contains(
                "%22%24lt%22%3A%222026-11-14T16:28:00%2B00:00%22%7D%2C%22id%22%3A%7B%22%24gt%22%3A0%7D%7D"
            ),
        "{path}"
    );
    let first: Vec<_> = (1..=PAGE_LEN_MAX)
        .map(|id| listed(id, "2026-11-14T16:27:10Z"))
        .collect();
    let second = Question {
        within: Some(u64::from(PAGE_LEN_MAX)),
        ..longest
    };
    assert_eq!(by_id.next(&page(None, &first)), Next::Ask(second));
    let after = Question {
        since: at("2026-11-14T16:28:00Z"),
        len: PAGE_LEN,
        within: None,
        cursor: at(CURSOR),
    };
    assert_eq!(second.next(&page(None, &first[..9])), Next::Ask(after));
    assert_eq!(second.next(&page(None, &[])), Next::Ask(after));
    assert_eq!(
        second.next(&page(None, &first)),
        Next::Crowded(longest.since),
        "an account that does not know this filter is told, not asked for ever"
    );
}

#[test]
fn account_with_shorter_pages_than_asked_for_is_read_to_its_end() {
    let question = Question {
        since: at("2026-11-14T16:27:00Z"),
        len: PAGE_LEN,
        within: None,
        cursor: at(CURSOR),
    };
    let onward = [
        listed(1, "2026-11-14T16:27:10Z"),
        listed(2, "2026-11-14T16:29:10Z"),
    ];
    let next = question.next(&page(Some(9), &onward));
    assert_eq!(
        next,
        Next::Ask(Question {
            since: at("2026-11-14T16:29:00Z"),
            len: PAGE_LEN,
            within: None,
            cursor: at(CURSOR),
        })
    );
    assert_eq!(
        question.next(&page(Some(2), &onward)),
        Next::Done(at("2026-11-14T16:29:10Z"))
    );
    let crowded = question.next(&page(Some(9), &onward[..1]));
    let by_id = Question {
        within: Some(0),
        ..question
    };
    assert_eq!(crowded, Next::Ask(by_id), "longer pages do not help");
}

#[test]
fn page_gives_each_ticket_with_its_own_bytes() {
    let page = br#"{"total":2,"pages":1,"per_page":50,"results":[
        {"id": 204881, "updated_at":"2026-11-14T16:32:17+00:00","source_location_id":100004,"completed?":true, "total": 95.040},
        {"id":7,"updated_at":"2026-11-14T16:33:00Z","location_id":"9","status":"incomplete"}]}"#;
    let page = read_page(page, Listing::Tickets).unwrap();
    assert_eq!(page.total, Some(2));
    let tickets = page.tickets;
    assert_eq!(tickets[0].id, "204881");
    assert_eq!(
        (tickets[0].location.as_str(), tickets[0].settled),
        ("100004", true)
    );
    assert!(std::str::from_utf8(tickets[0].body).unwrap().ends_with("95.040}"));
    assert_eq!((tickets[1].location.as_str(), tickets[1].settled), ("9", false));
}

#[test]
fn page_with_a_ticket_that_cannot_be_told_is_refused_whole() {
    for (page, words) in [
        (&br#"{"results":[{"id":1}]}"#[..], "updated_at"),
        (br#"{"results":[{"updated_at":"2026-11-14T16:32:17Z"}]}"#, "id"),
        (
            br#"{"results":[{"id":"../x","updated_at":"2026-11-14T16:32:17Z"}]}"#,
            "whole number",
        ),
        (br#"{"message":"no"}"#, "results"),
        (br#"{"results":[{"id":1,"upd"#, "page of a list"),
    ] {
        let error = read_page(page, Listing::Tickets).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn status_says_whether_to_wait_to_stop_or_to_read() {
    assert_eq!(Manner::of(200, None), Manner::Read);
    assert_eq!(Manner::of(429, Some(7)), Manner::Slower(7));
    assert_eq!(Manner::of(429, None), Manner::Slower(60));
    assert_eq!(Manner::of(401, None), Manner::Unauthorised);
    assert_eq!(Manner::of(404, None), Manner::Absent);
    assert_eq!(Manner::of(400, None), Manner::Refused);
    assert_eq!(Manner::of(502, None), Manner::Broken);
}
