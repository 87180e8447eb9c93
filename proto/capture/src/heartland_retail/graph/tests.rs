#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An order by its number, the minute it was begun in and the minute it changed in.
fn order(id: u32, created: u32, updated: u32) -> ListedOrder {
    let minute = |m: u32| at(&format!("2026-11-14T16:{m:02}:00Z"));
    ListedOrder {
        id: id.to_string(),
        created_at: minute(created),
        updated_at: minute(updated),
        open: false,
        body: Vec::new(),
    }
}

fn page(orders: &[ListedOrder], next: Option<&str>) -> OrderPage {
    OrderPage {
        orders: orders.to_vec(),
        next: next.map(str::to_owned),
    }
}

fn asked(next: NextOrders) -> OrderQuestion {
    match next {
        NextOrders::Ask(question) => question,
        other => panic!("{other:?}"),
    }
}

#[test]
fn question_names_the_station_and_asks_for_no_gift_cards_number() {
    let question = OrderQuestion::after(at("2026-11-14T16:32:17Z"), 300);
    assert_eq!(question.since, at("2026-11-14T16:27:17Z"));
    let body: serde_json::Value = serde_json::from_str(&question.body("2f6c-9a \"x\"")).unwrap();
    assert_eq!(body["variables"]["stationId"], "2f6c-9a \"x\"");
    assert_eq!(body["variables"]["first"], PAGE_LEN);
    assert!(body["variables"]["after"].is_null());
    let query = body["query"].as_str().unwrap();
    assert!(!query.contains("giftCard {"), "{query}");
    assert_eq!(query.matches('{').count(), query.matches('}').count());
}

#[test]
fn pages_are_read_until_one_goes_back_behind_the_moment() {
    let question = OrderQuestion::after(at("2026-11-14T16:20:00Z"), 0);
    let first = [order(9, 50, 50), order(8, 40, 41)];
    let next = asked(question.next(&page(&first, Some("c1"))));
    assert_eq!((next.since, next.after.as_deref()), (question.since, Some("c1")));
    let second = [order(7, 21, 22), order(6, 10, 11)];
    assert_eq!(
        next.next(&page(&second, Some("c2"))),
        NextOrders::Done(at("2026-11-14T16:50:00Z"))
    );
    assert_eq!(
        question.next(&page(&first, None)),
        NextOrders::Done(at("2026-11-14T16:50:00Z")),
        "a list may end before"
    );
    assert_eq!(question.next(&page(&[], None)), NextOrders::Done(question.since));
}

#[test]
fn list_by_time_of_beginning_ends_by_that_and_one_in_no_order_by_nothing() {
    let question = OrderQuestion::after(at("2026-11-14T16:20:00Z"), 0);
    // an old order that changed late stands at its old place
    let by_beginning = [order(9, 50, 50), order(8, 40, 55), order(7, 10, 58)];
    assert_eq!(
        question.next(&page(&by_beginning, Some("c1"))),
        NextOrders::Done(at("2026-11-14T16:58:00Z"))
    );
    let by_change = [order(7, 10, 58), order(8, 40, 55), order(9, 50, 50)];
    asked(question.next(&page(&by_change, Some("c1"))));
    let mixed = [order(9, 10, 11), order(8, 40, 55), order(7, 12, 13)];
    asked(question.next(&page(&mixed, Some("c1"))));
}

#[test]
fn open_order_holds_the_next_round_back_to_its_beginning_for_a_day() {
    let question = OrderQuestion::after(at("2026-11-14T16:20:00Z"), 0);
    let mut open = order(8, 30, 30);
    open.open = true;
    let orders = [order(9, 50, 50), open.clone()];
    let next = asked(question.next(&page(&orders, Some("c1"))));
    assert_eq!(
        next.next(&page(&[order(7, 21, 22)], None)),
        NextOrders::Done(at("2026-11-14T16:30:00Z")),
        "also when it stood on an earlier page"
    );
    open.created_at = at("2026-11-13T16:00:00Z");
    assert_eq!(
        question.next(&page(&[order(9, 50, 50), open], None)),
        NextOrders::Done(at("2026-11-14T16:50:00Z")),
        "a layaway of weeks is not waited for"
    );
}

#[test]
fn list_that_does_not_move_on_is_told_as_endless() {
    let question = OrderQuestion::after(at("2026-11-14T16:20:00Z"), 0);
    let orders = [order(9, 50, 50)];
    let next = asked(question.next(&page(&orders, Some("c1"))));
    assert_eq!(next.next(&page(&orders, Some("c1"))), NextOrders::Endless);
    assert_eq!(question.next(&page(&[], Some("c1"))), NextOrders::Endless);
    let mut question = question;
    for nth in 0..PAGES_MAX {
        match question.next(&page(&orders, Some(&format!("c{nth}")))) {
            NextOrders::Ask(next) => question = next,
            end => {
                assert_eq!((end, nth), (NextOrders::Endless, PAGES_MAX - 1));
                return;
            }
        }
    }
    panic!("it asks for ever");
}

#[test]
fn page_gives_each_order_with_its_own_bytes_and_the_station() {
    let body = br#"{"data":{"salesOrders":{"pageInfo":{"hasNextPage":true,"endCursor":"Nw"},"nodes":[
        {"id":"0f6c-1","createdAt":"2026-11-14T16:30:00Z","updatedAt":"2026-11-14T16:32:17Z","status":"COMPLETE","amountDue":"0.00", "total": 95.040},
        {"id":7,"createdAt":"2026-11-14T16:33:00Z","updatedAt":"2026-11-14T16:33:00Z","status":"DRAFT"},
        {"id":8,"createdAt":"2026-11-14T16:33:00Z","updatedAt":"2026-11-14T16:33:00Z","amountDue":"0.01"}]}}}"#;
    let page = read_orders(body, "st \"1\"").unwrap();
    assert_eq!(page.next.as_deref(), Some("Nw"));
    let open: Vec<bool> = page.orders.iter().map(|order| order.open).collect();
    assert_eq!(open, [false, true, true]);
    let kept = std::str::from_utf8(&page.orders[0].body).unwrap();
    assert!(
        kept.starts_with(r#"{"stationId":"st \"1\"","salesOrder":{"id":"0f6c-1","#)
            && kept.ends_with("95.040}}"),
        "{kept}"
    );
}

#[test]
fn page_that_is_none_or_tells_of_errors_is_refused_whole() {
    for (body, words) in [
        (
            &br#"{"errors":[{"message":"Field 'pageInfo' doesn't exist"}],"data":{"salesOrders":{"nodes":[],"pageInfo":{"hasNextPage":false}}}}"#[..],
            "Field 'pageInfo' doesn't exist",
        ),
        (br#"{"data":null}"#, "without data"),
        (br#"{"data":{"salesOrders":{"nodes":[]}}}"#, "pageInfo"),
        (
            br#"{"data":{"salesOrders":{"nodes":[],"pageInfo":{"hasNextPage":true}}}}"#,
            "no endCursor",
        ),
        (
            br#"{"data":{"salesOrders":{"nodes":[{"id":"a b"}],"pageInfo":{"hasNextPage":false}}}}"#,
            "an order with id",
        ),
        (
            br#"{"data":{"salesOrders":{"nodes":[{"id":"a","createdAt":"2026-11-14T16:30:00Z"}],"pageInfo":{"hasNextPage":false}}}}"#,
            "updatedAt",
        ),
        (br#"{"data":{"salesOrders":{"nodes":[{"id"#, "a page of orders"),
    ] {
        let error = read_orders(body, "s").unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
