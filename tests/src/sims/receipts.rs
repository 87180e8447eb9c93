//! The till's side of a printer's line: receipts of a shop that is made up.

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::printer::receipt::receipt;
use crate::shop::{Plan, Shop, What, business_day};

/// What `sim receipts` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The printer, or the tap before it.
    #[arg(long, default_value = "127.0.0.1:9100")]
    connect: String,
    /// How many receipts.
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// The same seed gives the same receipts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds between two.
    #[arg(long, default_value_t = 500)]
    pause_ms: u64,
    /// Something that real tills do, for every second receipt.
    #[arg(long)]
    misbehave: Option<Misbehaviour>,
}

/// What a till may do to a printer's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Misbehaviour {
    /// The whole receipt is a picture.
    RasterOnly,
    /// Codes that no printer knows stand between the lines.
    UnknownCommands,
    /// A logo whose dots read as commands: a question, a cut, a beginning.
    CommandsInPicture,
    /// The text is for a Star printer.
    Star,
    /// No cut, and the next receipt follows at once.
    NoCut,
    /// Every byte is a packet of its own.
    ByteByByte,
    /// The receipt is printed twice.
    Twice,
    /// A card number stands on the receipt.
    CardNumber,
}

/// The job as a till that misbehaves so sends it.
#[must_use]
pub fn misbehaved(how: Misbehaviour, job: &[u8]) -> Vec<u8> {
    const PICTURE: &[u8] = b"\x1Dv0\x00\x02\x00\x08\x00\x10\x04\x01\x1B@\x1DV\x00abcdefgh";
    const CUT: &[u8] = b"\x1DVB\x00";
    let at_first_line = |bytes: &[u8]| {
        let end = job.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        [&job[..end], bytes, &job[end..]].concat()
    };
    match how {
        Misbehaviour::RasterOnly => [b"\x1B@", PICTURE, PICTURE, CUT].concat(),
        Misbehaviour::UnknownCommands => at_first_line(b"\x1B\x99\x1D\xFE\x1C\x7F\x10\x63"),
        Misbehaviour::CommandsInPicture => at_first_line(PICTURE),
        Misbehaviour::Star => [b"\x1B\x1Da\x01", &job[8..job.len() - CUT.len()], b"\x1Bd\x02"].concat(),
        Misbehaviour::NoCut => job[..job.len() - CUT.len()].to_vec(),
        Misbehaviour::ByteByByte => job.to_vec(),
        Misbehaviour::Twice => [job, job].concat(),
        Misbehaviour::CardNumber => at_first_line(b"Card 4111 11\x1BE\x0111 1111 1111\n"),
    }
}

/// Prints receipts, asking the printer before each whether it can.
///
/// # Errors
/// When the printer cannot be reached or goes away.
#[expect(clippy::print_stdout, reason = "it tells what it prints")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let shop = Shop::new(args.seed, "acme", 1);
    let plan = Plan {
        tickets: args.count,
        unknown_sku: false,
        close: false,
    };
    let events = shop.day(plan, 0);
    let tickets = events.iter().filter_map(|event| match &event.what {
        What::Ticket(ticket) => Some((event, ticket)),
        _ => None,
    });
    for (number, (event, ticket)) in tickets.take(args.count).enumerate() {
        let job = receipt(&shop, event, ticket, business_day(), false);
        let how = args.misbehave.filter(|_| number % 2 == 1);
        let job = how.map_or_else(|| job.clone(), |how| misbehaved(how, &job));
        let piece = if how == Some(Misbehaviour::ByteByByte) {
            1
        } else {
            job.len().max(1)
        };
        let mut printer = TcpStream::connect(&args.connect)
            .await
            .with_context(|| format!("reach the printer {}", args.connect))?;
        printer.set_nodelay(true)?;
        let state = ask(&mut printer).await?;
        for bytes in job.chunks(piece) {
            printer.write_all(bytes).await?;
        }
        printer.shutdown().await?;
        let words = how.map(|how| format!(" ({how:?})")).unwrap_or_default();
        println!(
            "ticket {} printed{words}; the printer said {state}",
            ticket.number
        );
        tokio::time::sleep(Duration::from_millis(args.pause_ms)).await;
    }
    Ok(())
}

/// `DLE EOT 1`, answered at once even when nothing can be printed.
async fn ask(printer: &mut TcpStream) -> anyhow::Result<&'static str> {
    printer.write_all(b"\x10\x04\x01").await?;
    let mut answer = [0];
    let read = tokio::time::timeout(Duration::from_secs(3), printer.read_exact(&mut answer)).await;
    Ok(match read {
        Ok(Ok(_)) if answer[0] & 0x08 == 0 => "that it is ready",
        Ok(Ok(_)) => "that it is off-line",
        Ok(Err(error)) => return Err(error).context("the printer hung up"),
        Err(_) => "nothing",
    })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use tillwire_agent_core::capture::dialect::{Side, TapMemory, decoder};
    use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
    use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, pan};

    use super::*;

    /// What a tap hears of a job: a word for each fact.
    fn heard(how: Misbehaviour, job: &[u8]) -> Vec<String> {
        let settings = TapSettings {
            lane: LaneId::new("p").unwrap(),
            store: StoreId::new("s").unwrap(),
            register: RegisterId::new("r").unwrap(),
            currency: Currency::USD,
            line: TapLine::Tcp {
                listen: ([127, 0, 0, 1], 0).into(),
                device: String::new(),
            },
            dialect: Dialect::EscPos(Box::default()),
        };
        let mut printer = decoder(&settings, &TapMemory::default());
        let piece = if how == Misbehaviour::ByteByByte {
            1
        } else {
            job.len()
        };
        let mut facts: Vec<_> = job
            .chunks(piece)
            .flat_map(|bytes| printer.said(Side::Pos, bytes))
            .collect();
        facts.extend(printer.quiet());
        let word = |heard: &tillwire_agent_core::capture::dialect::Heard| {
            assert!(!pan::holds_card_number(&heard.raw));
            match &heard.fact {
                Fact::Printed(printed) if printed.copy => "copy".to_owned(),
                Fact::Printed(_) => "receipt".to_owned(),
                Fact::Unreadable(why) => why.reason.to_string(),
                other => format!("{other:?}"),
            }
        };
        facts.iter().map(word).collect()
    }

    #[test]
    fn every_misbehaviour_is_told_as_what_it_is() {
        let shop = Shop::new(1, "acme", 1);
        let events = shop.day(
            Plan {
                tickets: 3,
                unknown_sku: false,
                close: false,
            },
            0,
        );
        let event = events
            .iter()
            .find(|event| matches!(event.what, What::Ticket(_)))
            .unwrap();
        let What::Ticket(ticket) = &event.what else {
            unreachable!()
        };
        let job = receipt(&shop, event, ticket, business_day(), false);
        for how in Misbehaviour::value_variants() {
            let wanted: &[&str] = match how {
                Misbehaviour::RasterOnly => &["raster-only"],
                Misbehaviour::Star => &["star-printer"],
                Misbehaviour::Twice => &["receipt", "copy"],
                _ => &["receipt"],
            };
            assert_eq!(heard(*how, &misbehaved(*how, &job)), wanted, "{how:?}");
        }
    }
}
