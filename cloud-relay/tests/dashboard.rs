//! The pages as a browser gets them.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::StreamExt as _;
use tillwire_proto::{
    Amount, BusinessDay, Currency, Digest, RecordNumber, SegmentId, Sku, StoreId, TenantId,
};
use tillwire_relay::clock::Clock;
use tillwire_relay::dashboard::view::*;
use tillwire_relay::dashboard::{Views, router};
use tillwire_relay::events::RelayEvent;
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::stock::{DriftLine, OdooSide, PosSide};
use tillwire_relay_core::witness::WitnessTable;
use tokio::sync::broadcast;
use tower::ServiceExt as _;

/// A retailer with one store whose number of tickets a test can raise.
struct OneStore {
    tickets: AtomicU64,
}

fn usd(minor: i64) -> Amount {
    Amount::new(minor, Currency::USD)
}

fn chip(tone: Tone, word: &str) -> Chip {
    Chip {
        tone,
        word: word.to_owned(),
    }
}

fn day_row(tickets: u64) -> DayRow {
    DayRow {
        tenant: TenantId::new("maple").unwrap(),
        store: StoreId::new("maple-main").unwrap(),
        name: "Maple & Main <script>".to_owned(),
        day: "2026-11-14".parse().unwrap(),
        state: chip(Tone::Wait, "closing"),
        blocked_by: Some("register r2 has not closed".to_owned()),
        tickets,
        net: usd(123_456),
        tax: usd(10_185),
        tendered: usd(133_641),
        over_short: Some(usd(-250)),
        revisions: 2,
        moves: vec!["MISC/2026/11/0007".to_owned()],
    }
}

impl Views for OneStore {
    fn now(&self, _: &Sight, now_ms: i64) -> anyhow::Result<NowView> {
        let tickets = self.tickets.load(Ordering::Relaxed);
        let row = day_row(tickets);
        let store = StoreRow {
            tenant: row.tenant.clone(),
            store: row.store.clone(),
            name: row.name.clone(),
            state: chip(Tone::Good, "selling"),
            why: "last sale a minute ago".to_owned(),
            last_sale_ms: Some(now_ms - 60_000),
            backlog: 3,
            tickets,
            net: Some(row.net),
            week_before: Some(("Saturday".to_owned(), usd(120_000))),
            devices: (1, 2),
            fuel: None,
        };
        Ok(NowView {
            sales: true,
            tiles: Vec::new(),
            states: vec![(store.state.clone(), 1)],
            stores: vec![store],
            days: vec![row],
            exceptions: Vec::new(),
        })
    }

    fn stores(&self, sight: &Sight, now_ms: i64) -> anyhow::Result<Vec<StoreRow>> {
        Ok(self.now(sight, now_ms)?.stores)
    }

    fn stock(&self, tenant: &TenantId, store: &StoreId) -> anyhow::Result<Option<StockView>> {
        let side = OdooSide {
            now: 12_000_000,
            others: vec![("WH/IN/00012".to_owned(), 2_000_000)],
            ..OdooSide::default()
        };
        let pos = PosSide {
            at_ms: 0,
            on_hand: 5_500_000,
        };
        let line = DriftLine::of(&Sku::new("TEE<1>").unwrap(), &side, &[]).beside(pos, &[]);
        Ok((store.as_str() == "s01").then(|| StockView {
            tenant: tenant.clone(),
            store: store.clone(),
            name: "Main Street".to_owned(),
            at_ms: 0,
            products: 7,
            lines: vec![line],
        }))
    }

    fn day(&self, _: &TenantId, store: &StoreId, _: BusinessDay, _: i64) -> anyhow::Result<Option<DayView>> {
        if store.as_str() == "broken" {
            anyhow::bail!("disk I/O error at a path nobody should see");
        }
        let record = RecordLink {
            segment: SegmentId([1; 16]),
            number: RecordNumber(7),
            name: "10482".to_owned(),
            amount: None,
        };
        let line = LedgerRow {
            account: "101000".to_owned(),
            label: "Cash".to_owned(),
            debit: Some(usd(1504)),
            credit: None,
            records: vec![record; 20],
        };
        let view = DayView {
            arrivals: None,
            row: day_row(7),
            lines: vec![line],
            effects: Vec::new(),
            hours: None,
            drawers: Vec::new(),
            signatures: 0,
            asked: Vec::new(),
            exceptions: Vec::new(),
            witnesses: WitnessTable::default(),
            transactions: Vec::new(),
        };
        Ok((store.as_str() == "maple-main").then_some(view))
    }

    fn days(&self, _: &Sight, _: &DaysFilter) -> anyhow::Result<Vec<DayRow>> {
        Ok(vec![day_row(7)])
    }

    fn entry(&self, _: &Sight, key: &str) -> anyhow::Result<Option<EntryView>> {
        let record = RecordLink {
            segment: SegmentId([1; 16]),
            number: RecordNumber(7),
            name: "7".to_owned(),
            amount: None,
        };
        let part = PartRow {
            ticket: "10482".to_owned(),
            register: "till-1".to_owned(),
            kind: "sale".to_owned(),
            amount: usd(-1504),
            row: "revenue of version 1".to_owned(),
            records: vec![record],
        };
        let line = EntryLine {
            account: "400000".to_owned(),
            label: "Sales <b>".to_owned(),
            amount: usd(-1504 * 20),
            size: usd(1504 * 20),
            parts: vec![part; 20],
            rest: None,
        };
        Ok((key == "TILL/2026/11/0003").then(|| EntryView {
            key: "tillwire.j_maple_maple-main_20261114_r1".to_owned(),
            name: Some(key.to_owned()),
            state: chip(Tone::Good, "done"),
            place: "Maple & Main, 2026-11-14".to_owned(),
            day_path: "/days/maple/maple-main/2026-11-14".to_owned(),
            lines: vec![line],
        }))
    }

    fn calendar(
        &self,
        _: &Sight,
        tenant: Option<&TenantId>,
        (month, _): (Option<Month>, usize),
        _: i64,
    ) -> anyhow::Result<Option<CalendarView>> {
        let maple = TenantId::new("maple").unwrap();
        let month = month.unwrap_or("2026-11".parse().unwrap());
        let today: BusinessDay = "2026-11-15".parse().unwrap();
        let held = CalendarDay {
            day: "2026-11-14".parse().unwrap(),
            state: chip(Tone::Bad, "closing"),
            tickets: 41,
            net: Some(usd(123_456)),
            blockers: 2,
        };
        Ok(tenant.is_none_or(|t| *t == maple).then(|| CalendarView {
            tenant: maple.clone(),
            tenants: vec![maple.clone(), TenantId::new("oak").unwrap()],
            month,
            today,
            stores: vec![CalendarStore {
                store: StoreId::new("maple-main").unwrap(),
                name: "Maple & Main".to_owned(),
                net: Some(usd(123_456)),
                closed: month.days().filter(|day| day.date().day() == 25).collect(),
                days: month.contains(held.day).then_some(held).into_iter().collect(),
            }],
            count: 1,
            page: (1, 1),
        }))
    }

    fn fleet(&self, _: &Sight) -> anyhow::Result<FleetView> {
        Ok(FleetView {
            waiting: Vec::new(),
            devices: Vec::new(),
        })
    }

    fn find(&self, _: &Sight, words: &str) -> anyhow::Result<FindView> {
        Ok(FindView {
            words: words.to_owned(),
            documents: Vec::new(),
            records: Vec::new(),
            more: false,
        })
    }

    fn exceptions(&self, _: &Sight, filter: &ExceptionFilter) -> anyhow::Result<ExceptionsView> {
        Ok(ExceptionsView {
            filter: filter.clone(),
            owners: vec![("store manager", 2)],
            at_risk: "nothing".to_owned(),
            groups: Vec::new(),
            more: false,
        })
    }

    fn exception_rows(&self, _: &Sight, _: &ExceptionFilter) -> anyhow::Result<Vec<ExceptionRow>> {
        Ok(Vec::new())
    }

    fn exception(&self, _: &Sight, _: i64) -> anyhow::Result<Option<ExceptionView>> {
        Ok(None)
    }

    fn month(&self, _: &Sight, _: &TenantId, month: Month, _: i64) -> anyhow::Result<MonthView> {
        let day: BusinessDay = "2026-11-14".parse().unwrap();
        let blocker = BlockerRow {
            day: Some((day, "/days/maple/maple-main/2026-11-14".to_owned())),
            state: chip(Tone::Bad, "day held"),
            what: "the day is held by exception 7".to_owned(),
            mend: "sign it".to_owned(),
            at_risk: Some(usd(123_456)),
        };
        let store = MonthStore {
            name: "Maple & Main".to_owned(),
            state: chip(Tone::Bad, "1 thing keeps it open"),
            blockers: vec![blocker],
        };
        Ok(MonthView {
            month: month.to_string(),
            stores: vec![store],
        })
    }

    fn record(
        &self,
        _: &Sight,
        segment: SegmentId,
        number: RecordNumber,
    ) -> anyhow::Result<Option<RecordView>> {
        Ok(Some(RecordView {
            segment,
            number,
            hash: Digest::of(b"x"),
            facts: vec![("lane", "maple-main-pos".to_owned())],
            understood: Err("found discriminant 9, wanted at most 7 <i>".to_owned()),
            bytes: Some(b"{\"public_id\":\"10482\"}<b>".to_vec()),
            attachment: Some(Digest::of(b"y")),
            went: vec![WentRow {
                key: "tillwire.j_maple_maple-main_20261114_r1".to_owned(),
                name: Some("TILL/2026/11/0003".to_owned()),
                account: "400000".to_owned(),
                label: "Sales".to_owned(),
                amount: usd(-1504),
            }],
        }))
    }

    fn attachment(&self, _: &Sight, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
        Ok((digest == Digest::of(b"y")).then(|| b"raw".to_vec()))
    }
}

fn pages() -> (Arc<OneStore>, axum::Router, broadcast::Sender<RelayEvent>) {
    let (events, receiver) = broadcast::channel(16);
    let views = Arc::new(OneStore {
        tickets: AtomicU64::new(41),
    });
    let router = router(
        Arc::clone(&views) as Arc<dyn Views>,
        Clock::standing(1_794_674_336_000),
        receiver,
        None,
    );
    (views, router, events)
}

async fn get(router: &axum::Router, path: &str) -> Response<Body> {
    router
        .clone()
        .oneshot(Request::get(path).body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn first_page_shows_money_marks_and_escapes_names() {
    let (_, router, _events) = pages();
    let response = get(&router, "/").await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = text(response).await;
    assert!(
        page.contains("$1,234.56") && page.contains("-$2.50 short"),
        "{page}"
    );
    assert!(page.contains("Maple &amp; Main &lt;script&gt;") && !page.contains("Main <script>"));
    assert!(page.contains("href=\"/days/maple/maple-main/2026-11-14\""));
}

#[tokio::test]
async fn a_ledger_amount_leads_to_the_captured_bytes() {
    let (_, router, _events) = pages();
    let day = text(get(&router, "/days/maple/maple-main/2026-11-14").await).await;
    let path = format!("/records/{}/7", SegmentId([1; 16]));
    assert!(day.contains(&format!("href=\"{path}\"")), "{day}");
    assert!(day.contains("and 8 more"), "a long line folds its tickets");
    let record = text(get(&router, &path).await).await;
    assert!(
        record.contains("&quot;10482&quot;") && record.contains("&lt;b&gt;"),
        "{record}"
    );
    // what no one here can read is told, and its bytes are there all the same
    assert!(
        record.contains("These bytes do not decode: found discriminant 9, wanted at most 7 &lt;i&gt;"),
        "{record}"
    );
    let raw = get(&router, &format!("/attachments/{}", Digest::of(b"y"))).await;
    assert_eq!(raw.headers()["content-type"], "application/octet-stream");
    assert_eq!(text(raw).await, "raw");
}

#[tokio::test]
async fn an_entry_of_odoo_leads_to_its_tickets_and_a_record_back_to_its_entry() {
    let (_, router, _events) = pages();
    let entry = text(get(&router, "/entries/TILL/2026/11/0003").await).await;
    assert!(
        entry.contains("credit $300.80") && entry.contains("Sales &lt;b&gt;"),
        "{entry}"
    );
    assert!(entry.contains("revenue of version 1"), "{entry}");
    assert!(entry.contains("and 8 more"), "a long line folds its tickets");
    let path = format!("/records/{}/7", SegmentId([1; 16]));
    assert!(entry.contains(&format!("href=\"{path}\"")), "{entry}");
    let record = text(get(&router, &path).await).await;
    let back = "href=\"/entries/tillwire.j_maple_maple-main_20261114_r1\"";
    assert!(record.contains(back) && record.contains("-$15.04"), "{record}");
    let none = get(&router, "/entries/TILL/2026/11/9999").await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_month_lists_what_keeps_it_open_and_leads_to_the_day() {
    let (_, router, _events) = pages();
    let month = text(get(&router, "/months/maple/2026-11").await).await;
    assert!(
        month.contains("Closing 2026-11") && month.contains("1 thing keeps it open"),
        "{month}"
    );
    assert!(month.contains("href=\"/days/maple/maple-main/2026-11-14\"") && month.contains("$1,234.56"));
    let first = text(get(&router, "/").await).await;
    assert!(
        first.contains("href=\"/months/maple/2026-11\""),
        "the first page leads there"
    );
}

#[tokio::test]
async fn a_calendar_names_each_day_in_words_and_leads_to_it_and_to_the_months_beside() {
    let (_, router, _events) = pages();
    let page = text(get(&router, "/days").await).await;
    let words = "Maple &amp; Main, 2026-11-14: closing, 41 tickets, net $1,234.56, held by 2 exceptions";
    assert!(page.contains(&format!("aria-label=\"{words}\"")), "{page}");
    for link in [
        "/days/maple/maple-main/2026-11-14",
        "/days/maple?month=2026-10",
        "/days/maple?month=2026-12",
        "/days/oak?month=2026-11",
        "/months/maple/2026-11",
    ] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
    }
    // fourteen silent days before today, today itself is not over but may sell, later ones say nothing
    assert_eq!(page.matches(": no sale").count(), 14, "{page}");
    let before = text(get(&router, "/days/maple?month=2026-10").await).await;
    assert!(
        !before.contains("closing, 41 tickets") && before.contains("2026-11 →"),
        "{before}"
    );
    let nobody = get(&router, "/days/elm").await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_page_leads_to_every_part_and_says_where_it_is() {
    let (_, router, _events) = pages();
    for (path, here) in [
        ("/", "Now"),
        ("/days", "Store-days"),
        ("/exceptions", "Exceptions"),
        ("/fleet", "Fleet"),
        ("/find", "Find"),
    ] {
        let page = text(get(&router, path).await).await;
        assert!(
            page.contains(&format!("aria-current=\"page\">{here}</a>")),
            "{path}: {page}"
        );
        for part in [
            "href=\"/\"",
            "href=\"/days\"",
            "href=\"/exceptions\"",
            "href=\"/fleet\"",
        ] {
            assert!(page.contains(part), "{path} does not lead to {part}");
        }
    }
}

#[tokio::test]
async fn a_desk_is_chosen_by_a_link_that_keeps_the_rest_of_the_choice() {
    let (_, router, _events) = pages();
    let page = text(get(&router, "/exceptions?kind=ticket-gap").await).await;
    assert!(
        page.contains("href=\"/exceptions?owner=store+manager&amp;kind=ticket-gap\""),
        "{page}"
    );
    assert!(page.contains("only ticket-gap"), "{page}");
    let absurd = get(&router, &format!("/exceptions?tenant={}", "A".repeat(60_000))).await;
    assert_eq!(absurd.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stock_difference_shows_its_causes_and_documents() {
    let (_, router, _events) = pages();
    let page = text(get(&router, "/stock/maple/s01").await).await;
    for words in [
        "TEE&lt;1&gt;",
        "moved in Odoo",
        "WH/IN/00012",
        "quantity written without a move",
        "look",
        "The POS's own stock as of",
        "5.5",
        "-6.5",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let never = get(&router, "/stock/maple/other").await;
    assert_eq!(never.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_addresses_are_not_found_and_say_what_is_wanted() {
    let (_, router, _events) = pages();
    let cases = [
        ("/days/maple/other/2026-11-14", "nothing at this address"),
        ("/days/MAPLE/x/2026-11-14", "/days/TENANT/STORE/2026-11-14"),
        (
            "/days/maple/maple-main/yesterday",
            "/days/TENANT/STORE/2026-11-14",
        ),
        ("/months/maple/2026-13", "/months/TENANT/2026-11"),
        ("/days/maple?month=2026-13", "/days/TENANT?month=2026-11"),
        ("/exceptions/seven", "/exceptions/NUMBER"),
        ("/exceptions/7", "nothing at this address"),
        ("/records/zz/1", "32 hexadecimal digits"),
        ("/attachments/00", "64 hexadecimal digits"),
        ("/../../etc/passwd", "No such page"),
    ];
    for (path, words) in cases {
        let response = get(&router, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let page = text(response).await;
        assert!(page.contains(words), "{path}: {page}");
    }
    assert_eq!(
        get(&router, "/assets/other.js").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_broken_store_is_said_without_its_inner_words() {
    let (_, router, _events) = pages();
    let response = get(&router, "/days/maple/broken/2026-11-14").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(response).await.contains("disk I/O"));
}

#[tokio::test]
async fn an_open_page_hears_of_a_change_within_a_second() {
    let (views, router, events) = pages();
    let mut stream = get(&router, "/live").await.into_body().into_data_stream();
    let mut heard = String::new();
    while ["tiles", "exceptions", "stores", "days"]
        .iter()
        .any(|part| !heard.contains(&format!("event: {part}")))
    {
        heard += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    views.tickets.store(9042, Ordering::Relaxed);
    let row = day_row(0);
    events
        .send(RelayEvent::Day {
            tenant: row.tenant,
            store: row.store,
            day: row.day,
        })
        .unwrap();
    let mut fresh = String::new();
    let news = async {
        while !fresh.contains("9042") {
            fresh += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(1), news)
        .await
        .expect("news within a second");
    assert!(
        !fresh.contains("event: exceptions"),
        "parts that did not change are not sent again"
    );
}
