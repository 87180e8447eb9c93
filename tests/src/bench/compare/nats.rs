//! A NATS server with a `JetStream` file store in the store, as a leaf of one at the centre whose stream takes over what the
//! leaf's stream holds. Publications are acknowledged by the stream.
//!
//! Its protocol is lines of text; the few verbs that a measurement needs are written here, for which a client library and
//! all that it brings would be much.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

use super::{Contender, OUTSTANDING, PATIENCE, installed};
use crate::link_sim::Link;
use crate::program::Program;
use crate::world::{free_port, until};

pub(super) struct Nats {
    edge: Program,
    _centre: Program,
    link: Link,
    edge_address: SocketAddr,
    at_centre: Mutex<Client>,
}

impl Contender for Nats {
    fn name() -> &'static str {
        "NATS leaf, JetStream on file"
    }

    async fn open(dir: &Path, edge_dir: &Path) -> Result<Self> {
        let (edge_address, centre_address, leaves) = (free_port()?, free_port()?, free_port()?);
        let held = dir.join("centre");
        let link = Link::open(7, leaves).await?;
        // The centre tells leaves where else it is: only behind the link, or they would go around it.
        let leaf = format!(
            "leafnodes {{ listen: \"{leaves}\", advertise: \"{}\" }}",
            link.address()
        );
        let centre = server(dir, "centre", centre_address, &held, &leaf)?;
        let mut at_centre = Client::connect(centre_address).await?;
        let remote = format!(
            "leafnodes {{ reconnect: 1, remotes: [ {{ url: \"nats-leaf://{}\" }} ] }}",
            link.address()
        );
        let edge = server(dir, "edge", edge_address, edge_dir, &remote)?;
        let mut at_edge = Client::connect(edge_address).await?;
        let stream =
            json!({ "name": "SALES", "subjects": ["sales"], "storage": "file", "retention": "limits" });
        at_edge.ask("$JS.API.STREAM.CREATE.SALES", &stream).await?;
        let source = json!({ "name": "SALES", "external": { "api": "$JS.edge.API" } });
        let stream = json!({ "name": "ALL", "storage": "file", "sources": [source] });
        at_centre.ask("$JS.API.STREAM.CREATE.ALL", &stream).await?;
        Ok(Self {
            edge,
            _centre: centre,
            link,
            edge_address,
            at_centre: Mutex::new(at_centre),
        })
    }

    fn edge(&self) -> &Program {
        &self.edge
    }

    fn link(&self) -> &Link {
        &self.link
    }

    async fn accept(&self, tickets: &[String]) -> Result<()> {
        let mut till = Client::connect(self.edge_address).await?;
        let (mut sent, mut acknowledged) = (tickets.iter().enumerate(), HashSet::new());
        for (number, ticket) in sent.by_ref().take(OUTSTANDING) {
            till.publish("sales", number, ticket).await?;
        }
        while acknowledged.len() < tickets.len() {
            let (number, answer) = till.answer().await?;
            ensure!(answer["error"].is_null(), "the stream answered {answer}");
            if acknowledged.insert(number)
                && let Some((number, ticket)) = sent.next()
            {
                till.publish("sales", number, ticket).await?;
            }
        }
        Ok(())
    }

    async fn back(&self) -> Result<()> {
        let ask = async || Ok(Client::connect(self.edge_address).await.ok().map(drop));
        until("the leaf answers", PATIENCE, ask).await
    }

    async fn arrived(&self) -> Result<usize> {
        let mut centre = self.at_centre.lock().await;
        let info = centre.ask("$JS.API.STREAM.INFO.ALL", &json!({})).await?;
        let count = info["state"]["messages"].as_u64().unwrap_or(0);
        Ok(usize::try_from(count)?)
    }
}

fn server(dir: &Path, name: &str, address: SocketAddr, held: &Path, more: &str) -> Result<Program> {
    std::fs::create_dir_all(held)?;
    let text = format!(
        "listen: \"{address}\"\nserver_name: {name}\njetstream {{ store_dir: \"{}\", domain: {name} }}\n{more}\n",
        held.display()
    );
    let config = dir.join(format!("{name}.conf"));
    std::fs::write(&config, text)?;
    let log = dir.join(format!("{name}.log"));
    let program = Program::new(
        name,
        &installed("nats-server")?,
        vec!["-c".into(), config.into()],
        &log,
    );
    program.start()?;
    Ok(program)
}

/// A connection that publishes and hears the answers to what it published.
struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    asked: usize,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let connect = async || Ok(TcpStream::connect(address).await.ok());
        let stream = until("a NATS server answers", PATIENCE, connect).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let inbox = address.port();
        let hello = "{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"lang\":\"rust\",\"version\":\"0\"}";
        writer
            .write_all(format!("CONNECT {hello}\r\nSUB inbox.{inbox}.* 1\r\n").as_bytes())
            .await?;
        Ok(Self {
            reader: BufReader::new(reader),
            writer,
            asked: 0,
        })
    }

    fn inbox(&self, number: usize) -> Result<String> {
        let port = self.writer.peer_addr()?.port();
        Ok(format!("inbox.{port}.{number}"))
    }

    async fn publish(&mut self, subject: &str, number: usize, body: &str) -> Result<()> {
        let reply = self.inbox(number)?;
        let message = format!("PUB {subject} {reply} {}\r\n{body}\r\n", body.len());
        Ok(self.writer.write_all(message.as_bytes()).await?)
    }

    /// The next answer: to which number, and what it says.
    async fn answer(&mut self) -> Result<(usize, Value)> {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line)).await;
            let len = read.context("a NATS server says nothing")??;
            ensure!(len > 0, "a NATS server hung up");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["PING"] => self.writer.write_all(b"PONG\r\n").await?,
                ["MSG", subject, _, .., len] => {
                    let mut body = vec![0; len.parse::<usize>()? + 2];
                    self.reader.read_exact(&mut body).await?;
                    let number = subject.rsplit('.').next().context("an inbox has a number")?;
                    let body = body.strip_suffix(b"\r\n").unwrap_or(&body);
                    return Ok((number.parse()?, serde_json::from_slice(body)?));
                }
                ["-ERR", ..] => anyhow::bail!("a NATS server says {}", line.trim()),
                _ => {}
            }
        }
    }

    async fn ask(&mut self, subject: &str, body: &Value) -> Result<Value> {
        self.asked += 1;
        let asked = self.asked;
        self.publish(subject, asked, &body.to_string()).await?;
        loop {
            let (number, answer) = self.answer().await?;
            if number == asked {
                ensure!(answer["error"].is_null(), "{subject} was answered with {answer}");
                return Ok(answer);
            }
        }
    }
}
