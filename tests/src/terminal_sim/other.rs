//! The same terminal, and the till's side of the talk, in the other two languages that Heartland's terminals speak: PAX and HPA.
//! What money moves is decided in one place: a request of either becomes the terminal's own, and its answer is put into
//! their words.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::pos::{Answer, Ask, PosError};
use super::server::Terminal;
use super::{Behaviour, body};
use crate::cents::decimal;
use crate::sims::{hpa, pax};

/// Serves PAX on a free port of this machine.
///
/// # Errors
/// When the port cannot be opened.
pub async fn serve_pax(terminal: Terminal) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    serve(terminal, pax_talk).await
}

/// Serves HPA on a free port of this machine.
///
/// # Errors
/// When the port cannot be opened.
pub async fn serve_hpa(terminal: Terminal) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    serve(terminal, hpa_talk).await
}

async fn serve<T, F>(terminal: Terminal, talk: T) -> anyhow::Result<(SocketAddr, JoinHandle<()>)>
where
    T: Fn(TcpStream, Terminal) -> F + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen as a terminal")?;
    let address = listener.local_addr().context("read the terminal's port")?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _nagle = stream.set_nodelay(true);
            tokio::spawn(talk(stream, terminal.clone()));
        }
    });
    Ok((address, task))
}

/// A request as the terminal understands it. `asked` in cents; `voids` is the terminal's number of what is taken back.
fn request(command: &str, from: &str, id: &str, asked: i64, invoice: &str, voids: &str) -> Value {
    let transaction = match command {
        "Sale" => json!({ "invoiceNbr": invoice, "baseAmount": decimal(asked) }),
        "Refund" => json!({ "invoiceNbr": invoice, "totalAmount": decimal(asked) }),
        _ => json!({ "tranNo": voids }),
    };
    json!({ "command": command, "EcrId": from, "requestId": id, "data": { "transaction": transaction } })
}

/// What the terminal answered: its number of the payment, the gateway's, and the cents where they were approved.
struct Said {
    number: u64,
    gateway: u64,
    approved: Option<u64>,
    brand: String,
    last4: String,
}

impl Said {
    fn of(answer: &Value) -> Self {
        let (told, data) = (&answer["data"], &answer["data"]["data"]);
        let number = |text: &Value| text.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let approved = u64::try_from(body::cents(&data["host"]["authorizedAmount"])).unwrap_or(0);
        let masked = data["payment"]["maskedPan"].as_str().unwrap_or_default();
        Self {
            number: number(&data["host"]["tranNo"]),
            gateway: number(&data["host"]["referenceNumber"]),
            approved: (told["cmdResult"]["result"] == "Success").then_some(approved),
            brand: data["payment"]["cardType"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            last4: masked[masked.len().saturating_sub(4)..].to_owned(),
        }
    }

    fn auth(&self) -> String {
        format!("{:05}A", self.number % 100_000)
    }
}

async fn pax_talk(mut till: TcpStream, terminal: Terminal) -> anyhow::Result<()> {
    while let Some(asked) = pax::hear(&mut till).await? {
        let behaviour = terminal.behave();
        match behaviour {
            Behaviour::HangUp => return Ok(()),
            Behaviour::Busy | Behaviour::Nak => {
                till.write_all(&[pax::NAK]).await?;
                continue;
            }
            _ => till.write_all(&[pax::ACK]).await?,
        }
        let fields: Vec<Vec<&str>> = asked
            .split(pax::FS)
            .map(|field| field.split(pax::US).collect())
            .collect();
        let member = |field: usize, member: usize| -> &str {
            let found = fields.get(field).and_then(|members| members.get(member));
            found.copied().unwrap_or_default()
        };
        let command = match (member(0, 0), member(2, 0)) {
            ("T00", "01") => "Sale",
            ("T00", "02") => "Refund",
            ("T00", "16") => "Void",
            _ => continue,
        };
        let cents = member(3, 0).parse().unwrap_or(0);
        let reference = member(5, 0);
        let request = request(command, "pax", reference, cents, member(5, 1), member(5, 3));
        let said = Said::of(&terminal.answer(&request, &behaviour));
        let at: String = terminal.clock().chars().filter(char::is_ascii_digit).collect();
        let brand = match said.brand.as_str() {
            "VISA" => "01",
            "MASTERCARD" => "02",
            "AMEX" => "03",
            _ => "04",
        };
        let answer = pax::Said {
            reply: "T01",
            kind: member(2, 0),
            reference,
            asked: u64::try_from(cents).unwrap_or(0).max(said.approved.unwrap_or(0)),
            approved: said.approved,
            tip: "0",
            auth: said.auth(),
            gateway: said.gateway,
            number: said.number,
            last4: &said.last4,
            brand,
            at: &at,
        };
        till.write_all(&pax::framed(&answer.text())).await?;
        // whether it acknowledges or not: who did not hear asks again
        let _acknowledged = till.read_u8().await;
    }
    Ok(())
}

async fn hpa_talk(mut till: TcpStream, terminal: Terminal) -> anyhow::Result<()> {
    while let Some(asked) = hpa_document(&mut till).await? {
        let behaviour = terminal.behave();
        if behaviour == Behaviour::HangUp {
            return Ok(());
        }
        let element = |name| hpa::element(&asked, name);
        let (command, id) = (element("Request"), element("RequestId"));
        let cents = element("TotalAmount").parse().unwrap_or(0);
        let voids = element("TransactionId");
        // HPA takes back by the gateway's number
        let taken = terminal.approvals();
        let voids = taken
            .iter()
            .find(|approval| approval.gateway.to_string() == voids);
        let voids = voids.map_or_else(String::new, |approval| approval.number.to_string());
        let request = request(command, "hpa", id, cents, element("InvoiceNbr"), &voids);
        let said = Said::of(&terminal.answer(&request, &behaviour));
        let answer = hpa::Said {
            asked: u64::try_from(cents).unwrap_or(0).max(said.approved.unwrap_or(0)),
            approved: said.approved,
            auth: said.auth(),
            gateway: said.gateway,
            last4: &said.last4,
            brand: &said.brand,
            stored: behaviour == Behaviour::Stored,
        };
        till.write_all(&hpa::framed(&hpa::notification("Please wait"))?)
            .await?;
        till.write_all(&hpa::framed(&answer.text(&hpa::head(command, id)))?)
            .await?;
    }
    Ok(())
}

/// The next document; `None` at the end of the line.
async fn hpa_document(line: &mut TcpStream) -> anyhow::Result<Option<String>> {
    let Ok(len) = line.read_u16().await else {
        return Ok(None);
    };
    let mut body = vec![0; usize::from(len)];
    line.read_exact(&mut body).await?;
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

fn broken(error: anyhow::Error) -> PosError {
    PosError::Line(std::io::Error::other(error))
}

fn ended() -> PosError {
    PosError::Line(std::io::ErrorKind::UnexpectedEof.into())
}

/// Asks a PAX terminal. `request` is the till's number of it.
///
/// # Errors
/// [`PosError`]; whether money moved is then unknown to the till.
pub async fn ask_pax(at: SocketAddr, ask: &Ask, request: u64) -> Result<Answer, PosError> {
    let mut line = TcpStream::connect(at).await?;
    line.set_nodelay(true)?;
    let (kind, cents, invoice, voids) = match ask {
        Ask::Sale { invoice, amount } => ("01", amount.to_string(), invoice.clone(), String::new()),
        Ask::Refund { invoice, amount } => ("02", amount.to_string(), invoice.clone(), String::new()),
        Ask::Void { number } => ("16", String::new(), String::new(), number.to_string()),
        Ask::Ping => ("00", String::new(), String::new(), String::new()),
    };
    let traces = [request.to_string(), invoice, String::new(), voids].join(&pax::US.to_string());
    let fields = ["T00", "1.35", kind, &cents, "", &traces, "", "417", "", "", ""];
    let asked = fields.join(&pax::FS.to_string());
    line.write_all(&pax::framed(&asked)).await?;
    if line.read_u8().await? != pax::ACK {
        return Err(PosError::Again("NAK".to_owned()));
    }
    let answer = pax::hear(&mut line).await.map_err(broken)?.ok_or_else(ended)?;
    line.write_all(&[pax::ACK]).await?;
    let fields: Vec<&str> = answer.split(pax::FS).collect();
    let member = |field: usize, member: usize| -> &str {
        let found = fields
            .get(field)
            .and_then(|field| field.split(pax::US).nth(member));
        found.unwrap_or_default()
    };
    Ok(Answer {
        approved: member(3, 0) == "000000",
        amount: member(7, 0).parse().unwrap_or(0),
        number: member(9, 0).parse().ok(),
        ready: true,
    })
}

/// Asks an HPA terminal. `original` is the gateway's number of what is taken back.
///
/// # Errors
/// As [`ask_pax`].
pub async fn ask_hpa(
    at: SocketAddr,
    ask: &Ask,
    request: u64,
    original: Option<u64>,
) -> Result<Answer, PosError> {
    let mut line = TcpStream::connect(at).await?;
    line.set_nodelay(true)?;
    let (command, cents, invoice) = match ask {
        Ask::Sale { invoice, amount } => ("Sale", *amount, invoice.as_str()),
        Ask::Refund { invoice, amount } => ("Refund", *amount, invoice.as_str()),
        Ask::Void { .. } => ("Void", 0, ""),
        Ask::Ping => ("LaneOpen", 0, ""),
    };
    let original = original.map_or_else(String::new, |number| {
        format!("<TransactionId>{number}</TransactionId>")
    });
    let asked = format!(
        "<SIP><Version>1.0</Version><ECRId>1004</ECRId><Request>{command}</Request><RequestId>{request}</RequestId>\
         <CardGroup>Credit</CardGroup><ConfirmAmount>0</ConfirmAmount><InvoiceNbr>{invoice}</InvoiceNbr>\
         <BaseAmount>{cents}</BaseAmount><TipAmount>0</TipAmount><TotalAmount>{cents}</TotalAmount>{original}</SIP>"
    );
    let frame = hpa::framed(&asked).map_err(broken)?;
    line.write_all(&frame).await?;
    loop {
        let answer = hpa_document(&mut line).await.map_err(broken)?.ok_or_else(ended)?;
        if hpa::element(&answer, "Response") == "Notification" {
            continue;
        }
        return Ok(Answer {
            approved: hpa::element(&answer, "ResponseCode").ends_with('0'),
            amount: hpa::element(&answer, "AuthorizedAmount").parse().unwrap_or(0),
            number: None,
            ready: true,
        });
    }
}
