//! `[[printer]]`: a tap on the line of a receipt printer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use tillwire_agent_core::capture::escpos::CodePage;
use tillwire_agent_core::capture::receipt::Template;
use tillwire_agent_core::capture::settings::{Dialect, PrinterSettings, SerialMode, TapLine, TapSettings};
use tillwire_agent_core::settings::Store;
use tillwire_proto::{LaneId, RegisterId};

/// As written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Printer {
    lane: LaneId,
    register: RegisterId,
    /// TCP: where the POS connects to.
    listen: Option<SocketAddr>,
    /// TCP: the printer.
    connect: Option<String>,
    /// Serial: the device towards the POS.
    serial_pos: Option<PathBuf>,
    /// Serial: the device towards the printer.
    serial_printer: Option<PathBuf>,
    /// Serial: bits per second.
    baud: Option<u32>,
    /// File with the receipt's template.
    template: Option<PathBuf>,
    /// What the printer is set to before it is told.
    code_page: Option<String>,
    /// Registers by what receipts call them.
    #[serde(default)]
    registers: BTreeMap<String, RegisterId>,
}

/// Templates that were read, by their files; the built-in one under none. Taps of one template share it: what its patterns
/// need while they look would be some hundred kilobytes for each tap.
#[derive(Default)]
pub(super) struct Templates(BTreeMap<Option<PathBuf>, Template>);

impl Templates {
    fn get(&mut self, file: Option<PathBuf>) -> anyhow::Result<Template> {
        if let Some(known) = self.0.get(&file) {
            return Ok(known.clone());
        }
        let read = match &file {
            None => Template::heartland_retail(),
            Some(file) => template(file)?,
        };
        Ok(self.0.entry(file).or_insert(read).clone())
    }
}

/// The tap, with its template read.
pub(super) fn tap(raw: Printer, store: &Store, templates: &mut Templates) -> anyhow::Result<TapSettings> {
    let lane = &raw.lane;
    let line = match (raw.listen, raw.connect, raw.serial_pos, raw.serial_printer) {
        (Some(listen), Some(device), None, None) => TapLine::Tcp { listen, device },
        (None, None, Some(pos), Some(device)) => {
            let mode = SerialMode::new(raw.baud.unwrap_or(9_600))
                .with_context(|| format!("printer tap {lane}: baud"))?;
            TapLine::Serial { pos, device, mode }
        }
        _ => bail!(
            "printer tap {lane}: wanted listen and connect, or serial_pos and serial_printer, and nothing of the other"
        ),
    };
    let code_page = raw.code_page.map(|name| {
        let names: Vec<&str> = CodePage::NAMES.into_iter().map(|(_, name)| name).collect();
        CodePage::named(&name).ok_or_else(|| {
            anyhow!(
                "printer tap {lane}: code_page: found {name:?}, wanted one of {}",
                names.join(", ")
            )
        })
    });
    let printer = PrinterSettings {
        template: templates
            .get(raw.template)
            .with_context(|| format!("printer tap {lane}"))?,
        code_page: code_page.transpose()?.unwrap_or_default(),
        registers: raw.registers,
    };
    Ok(TapSettings {
        lane: raw.lane,
        store: store.store.clone(),
        register: raw.register,
        currency: store.currency,
        line,
        dialect: Dialect::EscPos(Box::new(printer)),
    })
}

/// Reads a template's file.
///
/// # Errors
/// Names the file, the place in it, what was found and what is wanted.
pub(crate) fn template(file: &Path) -> anyhow::Result<Template> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the template {}", file.display()))?;
    Template::from_toml(&text).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn error(printer: &str) -> String {
        let rest = "[store]\ntenant = 'a'\nstore = 'b'\ncurrency = 'USD'\n[[register]]\nid = 'till-1'\n[[printer]]\n";
        let text = format!("{rest}lane = 'p'\nregister = 'till-1'\n{printer}");
        Config::read(&text, "agent.toml", &|_| None)
            .map_or_else(|error| format!("{error:#}"), |_| String::new())
    }

    const TCP: &str = "listen = '0.0.0.0:9100'\nconnect = 'printer:9100'\n";

    #[test]
    fn what_is_wrong_with_a_printer_tap_is_named_with_what_is_wanted() {
        assert_eq!(error(TCP), "");
        assert!(error("listen = '0.0.0.0:9100'\n").contains("printer tap p: wanted listen and connect"));
        let wrong = error(&format!("{TCP}code_page = 'latin1'\n"));
        assert!(
            wrong.contains("\"latin1\"") && wrong.contains("wpc1252"),
            "{wrong}"
        );
        let wrong = error("serial_pos = '/dev/ttyS0'\nserial_printer = '/dev/ttyS1'\nbaud = 12\n");
        assert!(
            wrong.contains("printer tap p: baud") && wrong.contains("9600"),
            "{wrong}"
        );
        let wrong = error(&format!("{TCP}template = '/nowhere/receipt.toml'\n"));
        assert!(
            wrong.contains("cannot read the template /nowhere/receipt.toml"),
            "{wrong}"
        );
    }
}
