//! `receipt`: captured print jobs, shown, read and turned into a template. Needs no configuration and no journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use tillwire_agent_core::capture::escpos::{CodePage, papers, shown};
use tillwire_agent_core::capture::receipt::{Place, Template, guess};
use tillwire_proto::{Amount, Currency, Printed, RegisterId, StoreId};

use super::print;
use crate::config::printer;

#[derive(Debug, Subcommand)]
pub(super) enum ReceiptVerb {
    /// The job as text, with the printer's commands named in square brackets.
    Show {
        #[command(flatten)]
        job: Job,
    },
    /// What a template reads: each line with what it is taken for, and the facts. Exit code 1 when it reads no receipt.
    Read {
        #[command(flatten)]
        job: Job,
        /// The template; Heartland Retail's usual receipt when absent.
        #[arg(long)]
        template: Option<PathBuf>,
        /// The facts as JSON, one receipt a line.
        #[arg(long)]
        json: bool,
    },
    /// A first template from one receipt, to be corrected by a person.
    Guess {
        #[command(flatten)]
        job: Job,
        /// The template's name, which every record that it reads carries.
        #[arg(long, default_value = "store-receipt")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Job {
    /// Bytes as the till sent them, such as `nc -l 9100 > FILE` catches them.
    file: PathBuf,
    /// What the printer is set to before the till says another.
    #[arg(long, default_value = "pc437")]
    code_page: String,
    /// ISO 4217 code of the amounts.
    #[arg(long, default_value = "USD")]
    currency: String,
}

impl Job {
    fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        std::fs::read(&self.file).with_context(|| format!("cannot read the job {}", self.file.display()))
    }

    fn page(&self) -> anyhow::Result<CodePage> {
        let names: Vec<&str> = CodePage::NAMES.into_iter().map(|(_, name)| name).collect();
        let found = &self.code_page;
        CodePage::named(found)
            .ok_or_else(|| anyhow!("--code-page: found {found:?}, wanted one of {}", names.join(", ")))
    }

    fn currency(&self) -> anyhow::Result<Currency> {
        Currency::from_code(&self.currency).context("--currency")
    }
}

pub(super) fn run(verb: &ReceiptVerb) -> anyhow::Result<ExitCode> {
    match verb {
        ReceiptVerb::Show { job } => print(shown(&job.bytes()?, job.page()?).trim_end()),
        ReceiptVerb::Read { job, template, json } => return read(job, template.as_deref(), *json),
        ReceiptVerb::Guess { job, name } => {
            let papers = papers(&job.bytes()?, job.page()?);
            let paper = papers.iter().find(|paper| paper.has_text());
            let paper = paper
                .context("found no text in the job; a picture or a Star printer's job has none to read")?;
            print(guess(paper, job.currency()?, name).trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(job: &Job, template: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let template = template.map_or_else(|| Ok(Template::heartland_retail()), printer::template)?;
    let currency = job.currency()?;
    let place = Place {
        store: &StoreId::new("store")?,
        register: &RegisterId::new("register")?,
        registers: &BTreeMap::new(),
        currency,
    };
    let (mut read, mut refused) = (0, 0);
    for paper in papers(&job.bytes()?, job.page()?) {
        if !json {
            for (word, line) in template.explain(&paper, currency) {
                print(&format!("{word:>16}  {line}"));
            }
        }
        match template.read(&paper, &place) {
            Ok(printed) => {
                read += 1;
                if json {
                    print(&serde_json::to_string(&printed)?);
                } else {
                    show(&printed);
                }
            }
            Err(error) => {
                refused += 1;
                super::say(&mut std::io::stderr(), &format!("receipt-not-read: {error}"));
            }
        }
    }
    if read + refused == 0 {
        super::say(&mut std::io::stderr(), "found nothing printed in the job");
    }
    Ok(ExitCode::from(u8::from(read == 0 || refused > 0)))
}

/// The facts, and whether they add up.
fn show(printed: &Printed) {
    let text = |value: Option<String>| value.unwrap_or_else(|| "(not on the paper)".to_owned());
    let copy = if printed.copy { ", a copy" } else { "" };
    print("");
    print(&format!(
        "kind      {}{copy}",
        text(printed.kind.map(|kind| format!("{kind:?}")))
    ));
    print(&format!(
        "ticket    {}",
        text(printed.ticket.as_ref().map(ToString::to_string))
    ));
    print(&format!(
        "time      {}",
        text(printed.at.map(|at| at.civil().to_string()))
    ));
    print(&format!(
        "cashier   {}",
        text(printed.operator.as_ref().map(ToString::to_string))
    ));
    print(&format!(
        "subtotal  {}",
        text(printed.subtotal.map(Amount::decimal))
    ));
    print(&format!("total     {}", text(printed.total.map(Amount::decimal))));
    print(&format!(
        "change    {}",
        text(printed.change.map(Amount::decimal))
    ));
    print(&format!(
        "codes     {}",
        printed
            .codes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    ));
    print(&format!("drawer    opened {} times", printed.drawer_kicks));
    for (words, holds) in sums(printed) {
        print(&format!(
            "{}  {words}",
            if holds { "holds   " } else { "DIFFERS " }
        ));
    }
    print("");
}

/// What should be equal on any receipt, and whether it is.
fn sums(printed: &Printed) -> Vec<(&'static str, bool)> {
    let sum = |amounts: Vec<Amount>| Amount::sum(amounts, printed.currency).ok();
    let goods = sum(printed.lines.iter().map(|line| line.extended).collect());
    let taxed = sum(printed
        .subtotal
        .into_iter()
        .chain(printed.taxes.iter().map(|tax| tax.amount))
        .collect());
    let change = printed.change.and_then(|change| change.checked_neg().ok());
    let paid = sum(printed
        .tenders
        .iter()
        .map(|tender| tender.amount)
        .chain(change)
        .collect());
    let mut sums = Vec::new();
    if printed.subtotal.is_some() {
        sums.push(("goods together are the subtotal", goods == printed.subtotal));
        sums.push((
            "subtotal and taxes together are the total",
            taxed == printed.total,
        ));
    }
    if !printed.tenders.is_empty() {
        sums.push(("tenders less change are the total", paid == printed.total));
    }
    sums
}
