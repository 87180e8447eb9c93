//! The push endpoint through real sockets, with a journal that misbehaves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tillwire_agent::capture::http::{HttpSource, serve};
use tillwire_agent::journal::Sink;
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, HttpSettings, Secret, TimeRules};
use tillwire_proto::{Currency, Fact, LaneId, NoticeKind, RegisterId, StoreId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::journal::{Journal, Trouble};

pub const TICKET: &str =
    include_str!("../../../proto/capture/tests/fixtures/retail/valid/retail-ticket.json");
pub const PENDING: &str =
    include_str!("../../../proto/capture/tests/fixtures/retail/invalid/pending-card.json");
const EVENT: &str = include_str!("../../../proto/capture/tests/fixtures/retail/events-valid/paid-out.json");
const SECRET: &str = "a-secret-of-enough-length";

pub struct Till {
    addr: SocketAddr,
    journal: Arc<Journal>,
    source: Arc<HttpSource>,
    stop: CancellationToken,
}

async fn till(change: impl FnOnce(&mut HttpSettings)) -> Till {
    let journal = Journal::new();
    serve_into(journal.clone(), journal, change).await
}

/// An endpoint before another journal than the played one, which stays empty.
pub async fn till_into(sink: impl Sink) -> Till {
    serve_into(Journal::new(), Arc::new(sink), |_| {}).await
}

async fn serve_into(
    journal: Arc<Journal>,
    sink: Arc<dyn Sink>,
    change: impl FnOnce(&mut HttpSettings),
) -> Till {
    let secret = Secret::new(SECRET.as_bytes()).expect("long enough");
    let mut settings = HttpSettings::new(LaneId::new("front-http").expect("a name"), secret);
    change(&mut settings);
    let retail = HeartlandRetailSettings {
        store: StoreId::new("main").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("100011".to_owned(), RegisterId::new("front").expect("a name"))]),
        locations: BTreeSet::from(["100004".to_owned()]),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    };
    let source = HttpSource::new(settings, retail, sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, source.routes(), stop.clone()));
    Till {
        addr,
        journal,
        source,
        stop,
    }
}

#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    head: String,
    pub body: serde_json::Value,
}

fn request(path: &str, secret: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: till\r\nAuthorization: Bearer {secret}\r\nContent-Type: text/plain\r\n\
         Content-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn raw(addr: SocketAddr, request: &[u8]) -> Option<Heard> {
    let mut stream = TcpStream::connect(addr).await.expect("the endpoint listens");
    let (mut from, mut to) = stream.split();
    let mut answer = Vec::new();
    // an endpoint that answers early may not read to the end: both at once, and a broken write is no failure
    let (_, read) = tokio::join!(to.write_all(request), from.read_to_end(&mut answer));
    read.ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Heard {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
    })
}

impl Till {
    pub async fn push(&self, path: &str, body: &str) -> Heard {
        raw(self.addr, &request(path, SECRET, body))
            .await
            .expect("an answer")
    }
}

#[tokio::test]
async fn a_ticket_is_taken_once_and_known_again() {
    let till = till(|_| {}).await;
    let first = till.push("/v1/tickets", TICKET).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.body["taken"], true);
    assert_eq!(
        (&first.body["number"], &first.body["already"]),
        (&1.into(), &false.into())
    );
    assert_eq!(first.body["segment"].as_str().map(str::len), Some(32));
    let again = till.push("/v1/tickets", TICKET).await;
    assert_eq!(
        (&again.body["number"], &again.body["already"]),
        (&1.into(), &true.into())
    );
    let records = till.journal.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].raw, TICKET.as_bytes());
    assert_eq!(till.source.counts().taken, 2);
}

#[tokio::test]
async fn a_till_event_is_taken_on_its_own_path() {
    let till = till(|_| {}).await;
    assert_eq!(till.push("/v1/till-events", EVENT).await.status, 200);
    assert_eq!(till.push("/v1/tickets", EVENT).await.status, 422);
    assert!(matches!(till.journal.records()[0].fact, Fact::Transaction(_)));
}

#[tokio::test]
async fn a_wrong_secret_keeps_nothing_and_is_slowed() {
    let till = till(|_| {}).await;
    for attempt in 0..14 {
        let heard = raw(till.addr, &request("/v1/tickets", "wrong", TICKET))
            .await
            .expect("an answer");
        assert_eq!(heard.status, if attempt < 10 { 401 } else { 429 });
    }
    assert_eq!(
        till.push("/v1/tickets", TICKET).await.status,
        200,
        "the right one is never slowed"
    );
    assert_eq!(till.journal.records().len(), 1);
    assert_eq!(till.source.counts().strangers, 14);
}

#[tokio::test]
async fn what_cannot_be_taken_is_kept_before_the_till_hears_so() {
    let till = till(|_| {}).await;
    let wrong = till.push("/v1/tickets", "{\"id\":1,").await;
    assert_eq!((wrong.status, &wrong.body["kept_as"]["number"]), (422, &1.into()));
    let early = till.push("/v1/tickets", PENDING).await;
    assert_eq!(early.status, 409);
    assert!(
        early.body["error"]
            .as_str()
            .unwrap_or_default()
            .contains("push the ticket again"),
        "{early:?}"
    );
    let unpaid = till
        .push(
            "/v1/tickets",
            &TICKET.replace("\"total\": 95.04", "\"total\": 95.05"),
        )
        .await;
    assert_eq!(unpaid.status, 422);
    assert_eq!(
        till.journal.reasons(),
        ["malformed", "pending-payment", "does-not-add-up"]
    );
    assert_eq!(
        till.journal.records()[2].register().map(RegisterId::as_str),
        Some("front")
    );
}

#[tokio::test]
async fn the_same_mistake_again_is_the_same_record() {
    let till = till(|_| {}).await;
    for _ in 0..5 {
        let heard = till.push("/v1/tickets", PENDING).await;
        assert_eq!((heard.status, &heard.body["kept_as"]["number"]), (409, &1.into()));
    }
    assert_eq!(till.journal.records().len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_told_busy_and_nothing_taken() {
    let till = till(|_| {}).await;
    till.journal
        .expect_trouble(&[Trouble::Busy, Trouble::Stopped, Trouble::Busy]);
    for body in [TICKET, TICKET, PENDING] {
        let heard = till.push("/v1/tickets", body).await;
        assert_eq!(heard.status, 503);
        assert!(heard.head.contains("retry-after: "), "{}", heard.head);
    }
    assert!(till.journal.records().is_empty());
    assert_eq!(till.push("/v1/tickets", TICKET).await.status, 200);
}

#[tokio::test]
async fn no_answer_is_given_before_the_commit() {
    let till = till(|_| {}).await;
    till.journal.expect_trouble(&[Trouble::Never]);
    let body = request("/v1/tickets", SECRET, TICKET);
    let answer = tokio::time::timeout(Duration::from_millis(300), raw(till.addr, &body)).await;
    assert!(answer.is_err(), "answered before the commit: {answer:?}");
}

#[tokio::test]
async fn a_record_that_is_too_large_is_kept_as_bytes() {
    let till = till(|_| {}).await;
    till.journal.expect_trouble(&[Trouble::TooLarge]);
    let long = TICKET.replacen(
        "\"custom\": {}",
        &format!("\"custom\": {{\"n\": \"{}\"}}", "x".repeat(40_000)),
        1,
    );
    let heard = till.push("/v1/tickets", &long).await;
    assert_eq!(heard.status, 413);
    assert_eq!(till.journal.reasons(), ["oversized"]);
    assert_eq!(till.journal.records()[0].raw, long.as_bytes());
}

#[tokio::test]
async fn the_beginning_of_an_endless_body_is_kept_without_card_data() {
    let till = till(|settings| settings.body_len_max = 200_000).await;
    // the card number straddles the cut at 64 KiB
    let mut body = "x".repeat(64 * 1024 - 8);
    body.push_str(" 4111111111111111 ");
    body.push_str(&"y".repeat(300_000));
    let heard = till.push("/v1/tickets", &body).await;
    assert_eq!(heard.status, 413);
    assert_eq!(&heard.body["kept_as"]["number"], &1);
    let records = till.journal.wait_for(1).await;
    assert_eq!(till.journal.reasons(), ["oversized"]);
    assert_eq!(records[0].raw.len(), 64 * 1024);
    let kept = String::from_utf8_lossy(&records[0].raw);
    assert!(!kept.contains("4111"), "{}", &kept[kept.len() - 30..]);
}

#[tokio::test]
async fn card_data_is_replaced_and_noticed_once() {
    let till = till(|_| {}).await;
    let leaky = TICKET.replace("Jordan Vale", "Jordan 4111111111111111");
    assert_eq!(till.push("/v1/tickets", &leaky).await.status, 200);
    assert_eq!(
        till.push("/v1/tickets", &leaky.replace("10482", "10483"))
            .await
            .status,
        200
    );
    let records = till.journal.wait_for(3).await;
    let notices = records
        .iter()
        .filter(|record| matches!(&record.fact, Fact::Notice(notice) if notice.kind == NoticeKind::CardData));
    assert_eq!(notices.count(), 1);
    assert_eq!(records[0].redacted, 1);
    for record in records {
        assert!(!format!("{record:?}{}", String::from_utf8_lossy(&record.raw)).contains("41111111"));
    }
}

#[tokio::test]
async fn a_slow_body_is_given_up_and_not_kept() {
    let till = till(|settings| settings.body_within = Duration::from_millis(200)).await;
    let whole = request("/v1/tickets", SECRET, TICKET);
    let mut stream = TcpStream::connect(till.addr).await.expect("the endpoint listens");
    stream
        .write_all(&whole[..whole.len() / 2])
        .await
        .expect("half a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(till.journal.records().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_kept() {
    let till = till(|_| {}).await;
    let whole = request("/v1/tickets", SECRET, TICKET);
    let mut stream = TcpStream::connect(till.addr).await.expect("the endpoint listens");
    stream
        .write_all(&whole[..whole.len() - 5])
        .await
        .expect("most of a request");
    drop(stream);
    assert_eq!(till.push("/v1/tickets", TICKET).await.status, 200);
    assert_eq!(till.journal.records().len(), 1);
}

#[tokio::test]
async fn a_compressed_body_is_neither_read_nor_kept() {
    let till = till(|_| {}).await;
    let packed = String::from_utf8(request("/v1/tickets", SECRET, TICKET)).expect("text");
    let packed = packed.replacen("Content-Type", "Content-Encoding: gzip\r\nContent-Type", 1);
    assert_eq!(
        raw(till.addr, packed.as_bytes()).await.expect("an answer").status,
        415
    );
    assert!(till.journal.records().is_empty());
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_again() {
    let till = till(|settings| settings.requests_max = 1).await;
    till.journal.expect_trouble(&[Trouble::Never]);
    let first = request("/v1/tickets", SECRET, TICKET);
    let addr = till.addr;
    let hanging = tokio::spawn(async move { raw(addr, &first).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(till.push("/v1/tickets", TICKET).await.status, 503);
    hanging.abort();
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_end() {
    let till = till(|_| {}).await;
    till.journal.be_slow(Duration::from_millis(200));
    let body = request("/v1/tickets", SECRET, TICKET);
    let addr = till.addr;
    let under_way = tokio::spawn(async move { raw(addr, &body).await });
    tokio::time::sleep(Duration::from_millis(80)).await;
    till.stop.cancel();
    let heard = under_way.await.expect("no panic").expect("an answer");
    assert_eq!(heard.status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        TcpStream::connect(till.addr).await.is_err(),
        "still listening after its stop"
    );
}

const SCREEN_SECRET: &str = "a-secret-of-the-extension-page";

#[tokio::test]
async fn the_extension_page_tells_which_ticket_is_on_which_screen_and_hides_itself() {
    let till = till(|settings| settings.screen_secret = Secret::new(SCREEN_SECRET.as_bytes()).ok()).await;
    let open = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: till\r\nConnection: close\r\n\r\n");
        let heard = raw(till.addr, request.as_bytes()).await.expect("an answer");
        (heard.status, heard.head)
    };
    let page = |register: &str, secret: &str, ticket: &str| {
        format!("/v1/screen/{register}/{secret}?ticket_id={ticket}&customer_id=77&pos_url=https%3A%2F%2Fpos")
    };
    // loaded twice, as a frame is: the second says nothing new
    for ticket in ["1042", "1042", "1043", "1042"] {
        let (status, head) = open(&page("front", SCREEN_SECRET, ticket)).await;
        assert_eq!(status, 200);
        assert!(
            head.contains("script-src 'sha256-") && !head.contains("frame-ancestors"),
            "{head}"
        );
    }
    // a POS that opens it without a ticket gets its page too
    assert_eq!(open(&format!("/v1/screen/front/{SCREEN_SECRET}")).await.0, 200);
    let told: Vec<String> = till
        .journal
        .records()
        .iter()
        .map(|record| match &record.fact {
            Fact::Screen(screen) => format!("{} {}", screen.register, screen.pos_id.as_ref().expect("an id")),
            other => panic!("found {other:?}"),
        })
        .collect();
    assert_eq!(told, ["front 1042", "front 1043", "front 1042"]);
    // nobody without the secret, no register that is not here, and no tickets with this secret
    assert_eq!(
        open(&page("front", "another-secret-of-enough-length", "1"))
            .await
            .0,
        404
    );
    assert_eq!(open(&page("back", SCREEN_SECRET, "1")).await.0, 404);
    let push = request("/v1/tickets", SCREEN_SECRET, TICKET);
    assert_eq!(raw(till.addr, &push).await.expect("an answer").status, 401);
    assert_eq!(till.source.counts().strangers, 2);
    assert_eq!(till.journal.records().len(), 3);
}

#[tokio::test]
async fn without_its_secret_configured_there_is_no_extension_page() {
    let till = till(|_| {}).await;
    let request = "GET /v1/screen/front/x?ticket_id=1 HTTP/1.1\r\nHost: till\r\nConnection: close\r\n\r\n";
    assert_eq!(
        raw(till.addr, request.as_bytes())
            .await
            .expect("an answer")
            .status,
        404
    );
}
