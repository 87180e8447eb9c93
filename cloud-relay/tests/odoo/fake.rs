//! A small Odoo 18 behind a real socket: just enough of its answers for preflight, entries and pickings, and the
//! failures that real servers showed. What it does not know it answers with an error, so that a test cannot pass on
//! a question that nobody thought of.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong, once, at a method.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The work is done and committed; the connection ends without an answer.
    CommitThenHangUp,
    /// A proxy answers that the server is away; nothing was done.
    Gateway(u16),
    /// Another transaction was faster.
    Serialization,
    /// `load()` refuses a row.
    RowRefused(&'static str),
    /// A rule of the business refuses.
    Refuses(&'static str),
    /// Done by somebody else a moment before; then the refusal of a second time.
    AlreadyDone(&'static str),
    /// A dialog, and nothing is done.
    Dialog,
}

/// A document: an entry or a picking.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) key: String,
    pub(crate) state: &'static str,
    pub(crate) date: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) entries: Vec<Document>,
    pub(crate) pickings: Vec<Document>,
    pub(crate) faults: VecDeque<(&'static str, Fault)>,
    pub(crate) calls: Vec<String>,
    pub(crate) key: String,
    /// Entries up to here are booked on this date instead.
    pub(crate) lock: Option<String>,
    pub(crate) products: Vec<&'static str>,
    pub(crate) down: bool,
}

/// A running fake.
#[derive(Clone)]
pub(crate) struct FakeOdoo {
    pub(crate) url: String,
    pub(crate) world: Arc<Mutex<World>>,
}

impl FakeOdoo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = World {
            key: "right".into(),
            products: vec!["MUG", "TEE"],
            ..World::default()
        };
        let world = Arc::new(Mutex::new(world));
        let served = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { url, world }
    }

    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn fault(&self, method: &'static str, fault: Fault) {
        self.world().faults.push_back((method, fault));
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.world().calls.iter().filter(|call| *call == method).count()
    }
}

async fn serve(mut stream: TcpStream, world: Arc<Mutex<World>>) {
    let Some((path, body)) = request(&mut stream).await else {
        return;
    };
    let answer = answer(&world, &path, &body);
    let Some((status, body)) = answer else { return };
    let head = format!(
        "HTTP/1.0 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
}

async fn request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut chunk = [0; 8192];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        let mut chunk = [0; 8192];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, serde_json::from_slice(&bytes[end..]).unwrap_or(Value::Null)))
}

fn answer(world: &Mutex<World>, path: &str, body: &Value) -> Option<(u16, String)> {
    let mut world = world.lock().unwrap();
    if world.down {
        return None;
    }
    if path != "/jsonrpc" {
        return Some((404, "<html>not found</html>".into()));
    }
    let args = &body["params"]["args"];
    let method = match body["params"]["service"].as_str()? {
        "common" => body["params"]["method"].as_str()?.to_owned(),
        _ => format!("{}.{}", args[3].as_str()?, args[4].as_str()?),
    };
    world.calls.push(method.clone());
    let fault = match world.faults.front() {
        Some((at, _)) if *at == method => world.faults.pop_front().map(|(_, fault)| fault),
        _ => None,
    };
    let wrap = |value: Value| {
        Some((
            200,
            json!({ "jsonrpc": "2.0", "id": 1, "result": value }).to_string(),
        ))
    };
    let refuse = |name: &str, message: &str| {
        let data = json!({ "name": name, "message": message, "debug": "Traceback: secret paths" });
        let error = json!({ "code": 200, "message": "Odoo Server Error", "data": data });
        Some((
            200,
            json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string(),
        ))
    };
    match fault {
        Some(Fault::Gateway(status)) => return Some((status, "<html>Bad Gateway</html>".into())),
        Some(Fault::Serialization) => {
            let message =
                json!({ "type": "error", "message": "could not serialize access due to concurrent update" });
            return wrap(json!({ "ids": false, "messages": [message] }));
        }
        Some(Fault::RowRefused(words)) => {
            let message = json!({ "type": "error", "message": words, "field": "line_ids" });
            return wrap(json!({ "ids": false, "messages": [message] }));
        }
        Some(Fault::Refuses(words)) => return refuse("odoo.exceptions.UserError", words),
        Some(Fault::Dialog) => {
            return wrap(
                json!({ "type": "ir.actions.act_window", "res_model": "stock.backorder.confirmation" }),
            );
        }
        Some(Fault::AlreadyDone(words)) => {
            run(&mut world, &method, args);
            return refuse("odoo.exceptions.UserError", words);
        }
        Some(Fault::CommitThenHangUp) => {
            run(&mut world, &method, args);
            return None;
        }
        None => {}
    }
    if body["params"]["service"] == "object" && args[2] != json!(world.key) {
        return refuse("odoo.exceptions.AccessDenied", "Access Denied");
    }
    if method.starts_with("mrp.") {
        return refuse("odoo.exceptions.UserError", "Object mrp.bom doesn't exist");
    }
    match run(&mut world, &method, args) {
        Some(value) => wrap(value),
        None => refuse(
            "builtins.NotImplementedError",
            &format!("the fake knows no {method}"),
        ),
    }
}

fn run(world: &mut World, method: &str, args: &Value) -> Option<Value> {
    let (places, id) = (
        &args[5],
        usize::try_from(args[5][0][0].as_i64().unwrap_or(0)).unwrap_or(0),
    );
    Some(match method {
        "version" => json!({ "server_version": "18.0", "server_version_info": [18, 0, 0, "final", 0, ""] }),
        "authenticate" if args[2] == json!(world.key) => json!(7),
        "authenticate" => json!(false),
        "account.move.load" => load(&mut world.entries, places, 5),
        "stock.picking.load" => load(&mut world.pickings, places, 6),
        "account.move.search_read" => page(&world.entries, places, "ref"),
        "stock.picking.search_read" => page(&world.pickings, places, "origin"),
        "account.move.get_external_id" => external_ids(&world.entries, places),
        "stock.picking.get_external_id" => external_ids(&world.pickings, places),
        "account.move.line.search_read" => {
            let id = asked_id(places)?;
            world
                .entries
                .get(id.wrapping_sub(1))
                .map_or(json!([]), |entry| entry_lines(entry, id))
        }
        "stock.move.search_read" => {
            let id = asked_id(places)?;
            world.pickings.get(id.wrapping_sub(1)).map_or(json!([]), moves)
        }
        "account.move.action_post" => {
            let lock = world.lock.clone();
            let entry = world.entries.get_mut(id.wrapping_sub(1))?;
            entry.state = "posted";
            if let Some(date) = lock {
                entry.date = date;
            }
            json!(false)
        }
        "stock.picking.button_validate" => {
            world.pickings.get_mut(id.wrapping_sub(1))?.state = "done";
            json!(true)
        }
        other => return setting(world, other, places),
    })
}

/// What preflight and the catalogue ask.
fn setting(world: &World, method: &str, places: &Value) -> Option<Value> {
    // the numbers of the domain's first condition, whatever operator stands before it
    let domain = places[0].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = &domain.iter().find(|part| part.is_array()).unwrap_or(&Value::Null)[2];
    Some(match method {
        "res.users.context_get" => json!({ "uid": 7, "lang": "en_US" }),
        "res.users.read" => json!([{ "id": 7, "login": "till", "company_ids": [1] }]),
        "res.users.apikeys.search_read" => json!([]),
        "ir.module.module.search_read" => {
            json!([{ "id": 1, "name": "account" }, { "id": 2, "name": "stock" }])
        }
        "res.company.search_read" => json!([{
            "id": 1, "name": "Acme", "currency_id": [1, "USD"], "fiscalyear_lock_date": false,
            "tax_lock_date": false, "sale_lock_date": false, "hard_lock_date": false,
        }]),
        // none of them has a currency of its own
        "account.account.search_read" if places[0][1][0] == "currency_id" => json!([]),
        "account.account.search_read" => wanted
            .as_array()?
            .iter()
            .filter(|code| *code != "missing")
            .map(|wanted| {
                // an account's id is its code
                let id: i64 = wanted.as_i64().unwrap_or_else(|| wanted.as_str().unwrap().parse().unwrap());
                json!({ "id": id, "code": id.to_string(), "name": "A", "account_type": "income", "deprecated": false })
            })
            .collect(),
        "account.journal.search_read" => {
            json!([{ "id": 3, "code": "TILL", "name": "Tills", "type": "general", "currency_id": false,
                     "active": true }])
        }
        "stock.warehouse.search_read" => {
            json!([{ "id": 4, "code": "S01", "lot_stock_id": [8, "S01/Stock"], "out_type_id": [5, "Out"],
                     "in_type_id": [6, "In"] }])
        }
        "stock.picking.type.search_read" => {
            json!([{ "id": 5, "return_picking_type_id": [6, "In"], "default_location_dest_id": [9, "Customers"] }])
        }
        "stock.location.search_read" if domain[0][1] == "child_of" => json!([{ "id": 8, "usage": "internal" }]),
        "stock.location.search_read" => json!([{ "id": 9, "usage": "customer" }]),
        "uom.uom.search_read" => json!([{ "id": 1, "rounding": 0.01 }]),
        "uom.uom.get_external_id" => json!({ "1": "uom.product_uom_unit" }),
        // its shelves never run empty
        "stock.quant.read_group" => wanted
            .as_array()?
            .iter()
            .map(|id| json!({ "product_id": [id, "P"], "quantity": 1_000.0, "__count": 1 }))
            .collect(),
        "product.product.search_read" => wanted
            .as_array()?
            .iter()
            .filter_map(|wanted| {
                let place = match wanted.as_u64() {
                    Some(id) => usize::try_from(id).ok()?.checked_sub(100)?,
                    None => world.products.iter().position(|known| wanted == known)?,
                };
                let (id, code) = (place + 100, world.products.get(place)?);
                Some(
                    json!({ "id": id, "default_code": code, "barcode": false, "uom_id": [1, "Units"],
                             "tracking": "none", "active": true, "type": "consu", "is_storable": true,
                             "product_tmpl_id": [id, "T"] }),
                )
            })
            .collect(),
        "res.currency.search_read" => json!([{ "id": 1, "name": "USD", "active": true, "rounding": 0.01 }]),
        other if other.ends_with(".has_access") => {
            let (model, _) = other.rsplit_once('.')?;
            let posts = ["account.move", "account.move.line", "stock.picking", "stock.move"];
            json!(posts.contains(&model) || places[1] == "read")
        }
        _ => return None,
    })
}

/// Documents with an id beyond the one asked for, which begin with ours.
fn page(documents: &[Document], places: &Value, field: &str) -> Value {
    let after = places[0][0][2].as_u64().unwrap_or(0);
    let heads = (1_u64..).zip(documents).filter(|(id, _)| *id > after);
    heads
        .map(|(id, document)| json!({ "id": id, field: document.head.last().unwrap() }))
        .collect()
}

fn external_ids(documents: &[Document], places: &Value) -> Value {
    let ids = places[0].as_array().unwrap().iter().filter_map(Value::as_u64);
    let named = ids.filter_map(|id| {
        let document = documents.get(usize::try_from(id).ok()?.wrapping_sub(1))?;
        Some((id.to_string(), json!(document.key)))
    });
    Value::Object(named.collect())
}

fn asked_id(places: &Value) -> Option<usize> {
    usize::try_from(places[0][0][2].as_i64()?).ok()
}

/// Create if absent by external id. The first `head` columns belong to the document, the others to its lines.
fn load(documents: &mut Vec<Document>, places: &Value, head: usize) -> Value {
    let rows: Vec<Vec<Value>> = serde_json::from_value(places[1].clone()).unwrap();
    let key = rows[0][0].as_str().unwrap().to_owned();
    let there = documents.iter().position(|document| document.key == key);
    let index = there.unwrap_or_else(|| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        documents.push(Document {
            key,
            state: "draft",
            date: text(&rows[0][2]),
            head: rows[0][..head].iter().map(text).collect(),
            rows: rows.iter().map(|row| row[head..].to_vec()).collect(),
        });
        documents.len() - 1
    });
    json!({ "ids": [index + 1], "messages": [] })
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn entry_lines(entry: &Document, id: usize) -> Value {
    let name = if entry.state == "posted" {
        json!(format!("TILL/{id}"))
    } else {
        json!(false)
    };
    let line = |row: &Vec<Value>| {
        let account: i64 = row[0].as_str().unwrap().parse().unwrap();
        json!({
            "account_id": [account, "A"], "name": row[1], "debit": number(&row[2]), "credit": number(&row[3]),
            "parent_state": entry.state, "date": entry.date, "ref": entry.head[1], "move_name": name,
            "journal_id": [entry.head[3].parse::<i64>().unwrap(), "Tills"],
            "tax_ids": [], "tax_line_id": false, "tax_base_amount": 0.0,
        })
    };
    entry.rows.iter().map(line).collect()
}

fn moves(picking: &Document) -> Value {
    let place = |at: usize| json!([picking.head[at].parse::<i64>().unwrap(), "L"]);
    let line = |row: &Vec<Value>| {
        let product: i64 = row[1].as_str().unwrap().parse().unwrap();
        json!({
            "product_id": [product, "P"], "quantity": number(&row[3]), "state": picking.state,
            "reference": picking.head[1], "location_id": place(3), "location_dest_id": place(4),
        })
    };
    picking.rows.iter().map(line).collect()
}
