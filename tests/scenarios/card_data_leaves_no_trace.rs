//! Twenty thousand pieces of card data are sent to a store's agent by every way in, and a search that knows them all finds
//! none of them: in no file of agent, relay or log, in nothing that is packed inside of them, on no page.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tillwire_e2e::canary::search::Trap;
use tillwire_e2e::canary::{Canary, Shape};
use tillwire_e2e::relay_store::{self, Held};
use tillwire_e2e::terminal_sim::pos_frame;
use tillwire_e2e::till_sim::{Line, http};
use tillwire_e2e::world::{SECRET, World, until};
use tillwire_proto::{AttachmentBundle, Packing};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::story::{PATIENCE, open};

const BODIES: usize = 180;
const FRAMES: usize = 20;
/// Of each body and frame.
const PIECES: usize = 100;

struct Cage {
    trap: Trap,
    rng: ChaCha8Rng,
}

impl Cage {
    fn texts(&mut self) -> Vec<String> {
        let texts = (0..PIECES).map(|nth| {
            let shapes: Vec<Shape> = Shape::ALL.into_iter().filter(|shape| shape.is_text()).collect();
            let canary = Canary::draw(shapes[nth % shapes.len()], &mut self.rng);
            self.trap.add(&canary.secret);
            canary.text().to_owned()
        });
        texts.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_pieces_of_card_data_are_nowhere() {
    let world = open(61, 1, |_| {}).await;
    let mut cage = Cage {
        trap: Trap::default(),
        rng: ChaCha8Rng::seed_from_u64(61),
    };
    push_bodies(&world, &mut cage).await;
    tell_the_terminal(&world, &mut cage).await;
    until("the relay has everything", PATIENCE, async || {
        let status = world.sites[0].status().await?;
        Ok((status["backlog"] == 0 && status["attachments"] == 0).then_some(()))
    })
    .await
    .unwrap();
    let pages = [
        http::get(world.relay.http, "/").await.unwrap().body,
        http::get(world.relay.http, "/exceptions").await.unwrap().body,
        world.sites[0].status().await.unwrap().to_string(),
    ];
    assert!(pages.iter().all(|page| cage.trap.find(page.as_bytes()).is_none()));
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", world.sites[0].agent.pid().unwrap())).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        cores.split_whitespace().nth(4),
        Some("0"),
        "a crash leaves no core dump: {cores}"
    );

    let held = Held::read(&world.relay.database).unwrap();
    let bodies = held
        .observations()
        .map(|(_, _, observation)| format!("{observation:?}"));
    let bodies: Vec<String> = bodies.collect();
    assert!(bodies.len() > BODIES, "{} records came", bodies.len());
    assert!(
        bodies
            .iter()
            .all(|body| cage.trap.find(body.as_bytes()).is_none())
    );

    let mut searched = Searched::default();
    let home = world.relay.state_dir.parent().and_then(Path::parent).unwrap();
    searched.folder(home, &cage.trap);
    let at_the_relay = relay_store::captured(&world.relay.database).unwrap();
    assert!(at_the_relay.len() > BODIES, "{} came", at_the_relay.len());
    assert!(searched.packed > BODIES, "{searched:?}");
    assert!(searched.found.is_empty(), "{searched:?}");
}

#[test]
fn card_data_in_a_bundle_would_be_found() {
    let mut trap = Trap::default();
    trap.add("4111111111111111");
    let captured = [
        "a receipt like another, ".repeat(9),
        "pan 4111 1111 1111 1111 ".repeat(9),
    ];
    let bundle = AttachmentBundle::pack(&captured);
    assert_eq!(bundle.packing, Packing::Zstd);
    let mut kept = b"TW and what else stands before it".to_vec();
    kept.extend(&bundle.packed.0);
    kept.extend([0xA5; 64]);
    let found: Vec<_> = unpacked(&kept).filter_map(|bytes| trap.find(&bytes)).collect();
    assert_eq!(found.len(), 1);
}

/// Everything that is packed with zstd somewhere in these bytes, unpacked.
fn unpacked(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
    let starts = bytes.windows(4).enumerate().filter(|(_, four)| **four == MAGIC);
    starts.filter_map(|(at, _)| {
        let mut plain = Vec::new();
        let frame = zstd::stream::read::Decoder::new(&bytes[at..]).ok()?;
        frame.single_frame().read_to_end(&mut plain).ok()?;
        Some(plain)
    })
}

async fn push_bodies(world: &World, cage: &mut Cage) {
    for number in 0..BODIES {
        let texts = cage.texts();
        let body =
            json!({ "id": number, "customer_name": texts[0], "custom": { "memo": texts } }).to_string();
        let answer = http::post(world.sites[0].http, "/v1/tickets", SECRET, body.as_bytes())
            .await
            .unwrap();
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(cage.trap.find(answer.body.as_bytes()).is_none(), "{answer:?}");
    }
}

async fn tell_the_terminal(world: &World, cage: &mut Cage) {
    let till = world.sites[0].tills[0].lock().await;
    let Line::Tcp(tap) = till.line else {
        panic!("this register's terminal is on TCP");
    };
    let mut line = TcpStream::connect(tap).await.unwrap();
    for number in 0..FRAMES {
        let texts = cage.texts();
        let frame = pos_frame(
            &json!({ "message": "MSG", "data": { "command": "Sale", "EcrId": "1",
            "requestId": number.to_string(), "data": { "transaction": { "baseAmount": "1.00", "notes": texts } } } }),
        );
        for piece in frame.chunks(61) {
            line.write_all(piece).await.unwrap();
            line.flush().await.unwrap();
        }
    }
    // what the tap has heard is journaled behind it
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[derive(Debug, Default)]
struct Searched {
    files: usize,
    packed: usize,
    found: Vec<PathBuf>,
}

impl Searched {
    fn folder(&mut self, folder: &Path, trap: &Trap) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.folder(&path, trap);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            self.files += 1;
            if trap.find(&bytes).is_some()
                || bytes.starts_with(b"SQLite format 3\0") && self.database(&path, trap)
            {
                self.found.push(path);
            }
        }
    }

    /// Whether anything that is packed in any column of any table holds one.
    fn database(&mut self, path: &Path, trap: &Trap) -> bool {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut tables = db
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
            .unwrap();
        let tables: Vec<String> = tables
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut found = false;
        for table in tables {
            let Ok(mut rows) = db.prepare(&format!("SELECT * FROM \"{table}\"")) else {
                continue;
            };
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    let ValueRef::Blob(packed) = row.get_ref(column).unwrap() else {
                        continue;
                    };
                    for bytes in unpacked(packed) {
                        self.packed += 1;
                        found |= trap.find(&bytes).is_some();
                    }
                }
            }
        }
        found
    }
}
