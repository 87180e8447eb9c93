//! What capture is told, checked: nothing behind this border meets a setting that cannot be.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use tillwire_capture::settings::{CutoffError, HeartlandRetailSettings, TimeRules};
use tillwire_proto::{Currency, LaneId, RegisterId, StoreId, TerminalId, Witness};
use zeroize::Zeroizing;

use super::escpos::CodePage;
use super::folder::Format;
use super::receipt::Template;

/// Why a capture setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A secret that can be guessed.
    #[error(
        "the secret has {found} bytes, wanted at least {SECRET_LEN_MIN}; make one with `openssl rand -hex 32`"
    )]
    ShortSecret {
        /// Bytes found.
        found: usize,
    },
    /// A line speed that no terminal uses.
    #[error("found {found} baud, wanted one of 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400")]
    Baud {
        /// As found.
        found: u32,
    },
}

/// Shortest bearer secret, in bytes.
pub const SECRET_LEN_MIN: usize = 16;

/// The bearer secret that a source shows. Never printed, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the secret without surrounding white space, which editors leave behind in secret files.
    ///
    /// # Errors
    /// [`SettingError::ShortSecret`].
    pub fn new(text: &[u8]) -> Result<Self, SettingError> {
        let text = text.trim_ascii();
        if text.len() < SECRET_LEN_MIN {
            return Err(SettingError::ShortSecret { found: text.len() });
        }
        Ok(Self(Zeroizing::new(text.to_vec())))
    }

    /// The bytes, to compare in constant time.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The HTTP endpoint that sources push to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// The lane that everything pushed is journaled on.
    pub lane: LaneId,
    /// Where it listens. Loopback unless the POS runs on another machine.
    pub listen: SocketAddr,
    /// What a source must show.
    pub secret: Secret,
    /// What the address of the POS's extension page must carry; `None` when there is none.
    pub screen_secret: Option<Secret>,
    /// Longest body, in bytes.
    pub body_len_max: usize,
    /// A body must have arrived within this time.
    pub body_within: Duration,
    /// Requests answered at the same time; more are told to come again.
    pub requests_max: usize,
}

impl HttpSettings {
    /// Usual limits: 1 MiB in 10 s, 512 at a time, on `127.0.0.1:8787`.
    #[must_use]
    pub fn new(lane: LaneId, secret: Secret) -> Self {
        Self {
            lane,
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            secret,
            screen_secret: None,
            body_len_max: 1024 * 1024,
            body_within: Duration::from_secs(10),
            requests_max: 512,
        }
    }
}

/// A tap on the line between POS and a device: a payment terminal, a receipt printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapSettings {
    /// The lane that what it hears is journaled on.
    pub lane: LaneId,
    /// The store.
    pub store: StoreId,
    /// The register that the device belongs to.
    pub register: RegisterId,
    /// The currency that the device prints or charges in.
    pub currency: Currency,
    /// The line.
    pub line: TapLine,
    /// What is spoken on it.
    pub dialect: Dialect,
}

/// What POS and device speak on a tapped line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// Heartland UPA, with this terminal.
    Upa(TerminalId),
    /// PAX, with this terminal.
    Pax(TerminalId),
    /// HPA (HeartSIP), with this terminal.
    Hpa(TerminalId),
    /// ESC/POS, with a receipt printer.
    EscPos(Box<PrinterSettings>),
}

/// A receipt printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrinterSettings {
    /// How the store's receipts read.
    pub template: Template,
    /// The code page that the printer is in until it is told another.
    pub code_page: CodePage,
    /// Registers by what receipts call them, where several share the printer.
    pub registers: BTreeMap<String, RegisterId>,
}

impl Default for PrinterSettings {
    /// Heartland Retail's usual receipt on a printer of one register, as it comes out of its box.
    fn default() -> Self {
        Self {
            template: Template::heartland_retail(),
            code_page: CodePage::default(),
            registers: BTreeMap::new(),
        }
    }
}

impl Dialect {
    /// Its word in configuration and messages, which is its section's name as well.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Upa(_) => "upa",
            Self::Pax(_) => "pax",
            Self::Hpa(_) => "hpa",
            Self::EscPos(_) => "printer",
        }
    }

    /// The device, for people.
    #[must_use]
    pub const fn device(&self) -> &'static str {
        match self {
            Self::Upa(_) | Self::Pax(_) | Self::Hpa(_) => "terminal",
            Self::EscPos(_) => "printer",
        }
    }

    /// Whose account it is that such a tap hears.
    #[must_use]
    pub const fn witness(&self) -> Witness {
        match self {
            Self::Upa(_) | Self::Pax(_) | Self::Hpa(_) => Witness::Terminal,
            Self::EscPos(_) => Witness::Printer,
        }
    }
}

/// A folder that somebody drops files into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSettings {
    /// The lane that its tickets are journaled on.
    pub lane: LaneId,
    /// The folder. `done` and `refused` are made inside it.
    pub folder: PathBuf,
    /// What its files are.
    pub format: Format,
    /// Only files whose name ends so, in lower case.
    pub ending: Option<String>,
    /// So long a file must stand unchanged before it is read.
    pub settle: Duration,
}

/// What a tap sits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapLine {
    /// The POS connects to the agent, the agent to the terminal.
    Tcp {
        /// Where the POS connects to.
        listen: SocketAddr,
        /// The device, as `host:port`.
        device: String,
    },
    /// Two serial devices.
    Serial {
        /// The port towards the POS.
        pos: PathBuf,
        /// The port towards the device.
        device: PathBuf,
        /// How both are set.
        mode: SerialMode,
    },
}

/// How a serial line is set. Both sides alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerialMode {
    baud: u32,
    /// Seven data bits instead of eight.
    pub seven_bits: bool,
    /// Parity bit.
    pub parity: Parity,
    /// Two stop bits instead of one.
    pub two_stop_bits: bool,
}

/// Parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Odd number of ones.
    Odd,
    /// Even number of ones.
    Even,
}

impl SerialMode {
    /// Eight data bits, no parity, one stop bit.
    ///
    /// # Errors
    /// [`SettingError::Baud`].
    pub fn new(baud: u32) -> Result<Self, SettingError> {
        if !matches!(
            baud,
            1200 | 2400 | 4800 | 9600 | 19200 | 38400 | 57600 | 115_200 | 230_400
        ) {
            return Err(SettingError::Baud { found: baud });
        }
        Ok(Self {
            baud,
            seven_bits: false,
            parity: Parity::None,
            two_stop_bits: false,
        })
    }

    /// Bits per second.
    #[must_use]
    pub const fn baud(&self) -> u32 {
        self.baud
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_printed() {
        assert_eq!(
            Secret::new(b" short \n"),
            Err(SettingError::ShortSecret { found: 5 })
        );
        let secret = Secret::new(b"0123456789abcdef\n").unwrap();
        assert_eq!(secret.bytes(), b"0123456789abcdef");
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
