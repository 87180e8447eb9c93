//! Somebody who drops files of tickets into a folder, in each format that an agent's `[[folder]]` reads, well-behaved (under
//! another name first, then renamed) or as careless programs do.

mod format;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

pub use format::{Format, file, needs};

use crate::shop::{Event, Plan, Shop, What};
use crate::world::trading_day;

/// What `sim files` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that the agent watches.
    #[arg(long)]
    folder: PathBuf,
    /// What the files are.
    #[arg(long, default_value = "json-lines")]
    format: Format,
    /// Tickets of each register.
    #[arg(long, default_value_t = 10)]
    tickets: usize,
    /// Tickets of each file.
    #[arg(long, default_value_t = 5)]
    per_file: usize,
    /// The same seed gives the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds between two files.
    #[arg(long, default_value_t = 500)]
    pause_ms: u64,
    /// Something that careless programs do, with every second file.
    #[arg(long)]
    misbehave: Option<Misbehaviour>,
}

/// What a careless program may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Misbehaviour {
    /// Writes the file in place, half of it, and the rest a little later.
    HalfWritten,
    /// Leaves half of a file behind, and writes the whole one under another name.
    Cut,
    /// Writes the same file again under another name.
    Twice,
    /// Spoils one figure, and writes the right file under another name.
    WrongFigure,
    /// Puts a card number into it.
    CardNumber,
}

/// Between the halves of a file.
const HALF: Duration = Duration::from_millis(400);

/// Drops one file, whole when it returns.
///
/// # Errors
/// When the folder cannot be written to.
pub async fn drop_into(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    misbehaviour: Option<Misbehaviour>,
) -> anyhow::Result<()> {
    let at = |name: &str| folder.join(name);
    let half = &bytes[..bytes.len() / 2];
    match misbehaviour {
        None => return put(&at(name), bytes),
        Some(Misbehaviour::HalfWritten) => {
            std::fs::write(at(name), half)?;
            tokio::time::sleep(HALF).await;
            std::fs::write(at(name), bytes)?;
        }
        Some(Misbehaviour::Cut) => {
            put(&at(&format!("cut-{name}")), half)?;
            put(&at(name), bytes)?;
        }
        Some(Misbehaviour::Twice) => {
            put(&at(name), bytes)?;
            put(&at(&format!("again-{name}")), bytes)?;
        }
        Some(Misbehaviour::WrongFigure) => {
            put(&at(&format!("wrong-{name}")), &wrong_figure(bytes))?;
            put(&at(name), bytes)?;
        }
        Some(Misbehaviour::CardNumber) => put(&at(name), &with_card(bytes))?,
    }
    Ok(())
}

/// Under another name first, so that nobody sees half of it.
fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let under_way = path.with_added_extension("tmp");
    std::fs::write(&under_way, bytes).with_context(|| format!("cannot write {}", under_way.display()))?;
    std::fs::rename(&under_way, path).with_context(|| format!("cannot write {}", path.display()))
}

/// The last digit before the last decimal point becomes a letter.
fn wrong_figure(bytes: &[u8]) -> Vec<u8> {
    let mut wrong = bytes.to_vec();
    let point = wrong
        .windows(2)
        .rposition(|pair| pair[0].is_ascii_digit() && pair[1] == b'.');
    if let Some(at) = point {
        wrong[at] = b'x';
    }
    wrong
}

/// The name of what is sold is a card number.
fn with_card(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.replacen("Priya", "4111 1111 1111 1111", 1).into_bytes()
}

/// Drops a made-up day, file by file.
///
/// # Errors
/// When the folder cannot be written to.
#[expect(clippy::print_stdout, reason = "it shows what it does")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let shop = Shop::new(args.seed, "acme", 1);
    println!(
        "the agent's configuration needs\n{}\n{}",
        super::till::needs(&shop),
        needs(args.format, &args.folder)
    );
    let plan = Plan {
        tickets: args.tickets,
        unknown_sku: false,
        close: false,
    };
    let events = shop.day(plan, 0);
    let tickets: Vec<&Event> = events
        .iter()
        .filter(|event| matches!(event.what, What::Ticket(_)))
        .collect();
    for (nth, some) in tickets.chunks(args.per_file.max(1)).enumerate() {
        let name = format!("{nth:03}.{}", args.format.ending());
        let misbehaviour = args.misbehave.filter(|_| nth % 2 == 1);
        let bytes = file(args.format, &shop, trading_day(), some);
        drop_into(&args.folder, &name, &bytes, misbehaviour).await?;
        println!(
            "{name} {} tickets{}",
            some.len(),
            misbehaviour.map_or("", |_| ", carelessly")
        );
        tokio::time::sleep(Duration::from_millis(args.pause_ms)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoiled_figure_is_no_figure_and_the_rest_is_as_it_was() {
        assert_eq!(wrong_figure(b"{\"a\":12.50}"), b"{\"a\":1x.50}");
        assert_eq!(wrong_figure(b"none"), b"none");
        assert_eq!(with_card(b"10,Priya,2"), b"10,4111 1111 1111 1111,2");
    }

    #[tokio::test]
    async fn nobody_sees_half_of_a_well_behaved_file() {
        let dir = tempfile::tempdir().unwrap();
        drop_into(dir.path(), "1.csv", b"whole", None).await.unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["1.csv"]);
        drop_into(dir.path(), "2.csv", b"whole", Some(Misbehaviour::Cut))
            .await
            .unwrap();
        assert_eq!(std::fs::read(dir.path().join("cut-2.csv")).unwrap(), b"wh");
        assert_eq!(std::fs::read(dir.path().join("2.csv")).unwrap(), b"whole");
    }
}
