//! How a terminal answers one request.

/// One way to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Approved in full.
    Approve,
    /// Refused by the issuer; the answer carries a host block.
    Decline,
    /// Given up at the terminal.
    Cancel,
    /// Approved for so many cents less than asked.
    Partial(i64),
    /// Approved offline, to be forwarded later: no reference yet.
    Stored,
    /// `BUSY` instead of `ACK`.
    Busy,
    /// `NAK` instead of `ACK`.
    Nak,
    /// A `TO` notice before the answer.
    TimeoutNotice,
    /// Approved, but `READY` never comes.
    NoReady,
    /// All frames of the answer in one segment.
    Glued,
    /// The answer byte by byte.
    Split,
    /// Line breaks inside of strings.
    BrokenStrings,
    /// Approved, and the answer shows what it must not: the clear number, the tracks and the code of a test card.
    LeaksCard,
    /// Bytes that are no frame before the answer.
    Noise,
    /// The connection is closed after the request.
    HangUp,
}

impl Behaviour {
    /// Whether money moves.
    #[must_use]
    pub fn approves(&self) -> bool {
        !matches!(
            self,
            Self::Decline | Self::Cancel | Self::Busy | Self::Nak | Self::HangUp
        )
    }
}
