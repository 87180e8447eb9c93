//! What an append needs, made ready in the caller's task so that the one writer only writes.

use std::cell::RefCell;

use tillwire_agent_core::journal::{Captured, Content, TicketKey};
use tillwire_proto::{
    ATTACHMENT_LEN_MAX, AttachmentRef, BODY_LEN_MAX, Digest, Fact, LaneId, Observation, Stamp, Transaction,
    encode_observation,
};

use zstd::bulk::Compressor;

use super::handle::AppendError;

/// zstd level of attachments: what is small already gains little from more.
const LEVEL: i32 = 3;

thread_local! {
    /// One per thread: making a compressor costs more than what it does for a ticket.
    static COMPRESSOR: RefCell<Compressor<'static>> =
        RefCell::new(Compressor::new(LEVEL).expect("zstd has memory for a compressor"));
}

/// An append, encoded, hashed and compressed.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) lane: LaneId,
    pub(crate) observation: Observation,
    pub(crate) body: Vec<u8>,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) attachment: Option<Attachment>,
}

/// The part of a transaction that decides whether it is new.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) key: TicketKey,
    pub(crate) content: Content,
}

/// Captured bytes, packed.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) reference: AttachmentRef,
    pub(crate) packed: Vec<u8>,
}

impl Prepared {
    /// Encodes a captured fact.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`].
    pub(crate) fn new(captured: Captured, stamp: Stamp) -> Result<Self, AppendError> {
        let attachment = Attachment::pack(&captured.raw)?;
        let ticket = match &captured.fact {
            Fact::Transaction(transaction) => Some(Ticket {
                key: TicketKey::of(&captured.lane, captured.witness, transaction),
                content: Content::of(transaction),
            }),
            _ => None,
        };
        let observation = Observation {
            witness: captured.witness,
            stamp,
            attachment: attachment.as_ref().map(|a| a.reference),
            redacted: captured.redacted,
            fact: captured.fact,
        };
        let body = encode(&observation)?;
        Ok(Self {
            lane: captured.lane,
            observation,
            body,
            ticket,
            attachment,
        })
    }

    /// The transaction, where it is one.
    pub(crate) fn transaction(&self) -> Option<&Transaction> {
        match &self.observation.fact {
            Fact::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// Encodes again under another revision.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`].
    pub(crate) fn revise(&mut self, revision: u32) -> Result<(), AppendError> {
        if let Fact::Transaction(transaction) = &mut self.observation.fact
            && transaction.key.revision != revision
        {
            transaction.key.revision = revision;
            self.body = encode(&self.observation)?;
        }
        Ok(())
    }
}

impl Attachment {
    fn pack(raw: &[u8]) -> Result<Option<Self>, AppendError> {
        if raw.is_empty() {
            return Ok(None);
        }
        let too_large = AppendError::TooLarge {
            what: "attachment",
            found: raw.len(),
            wanted: ATTACHMENT_LEN_MAX,
        };
        if raw.len() > ATTACHMENT_LEN_MAX {
            return Err(too_large);
        }
        let len = u32::try_from(raw.len()).map_err(|_| too_large)?;
        let packed = COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(raw));
        let packed = packed.expect("zstd compresses any bytes in memory");
        let reference = AttachmentRef {
            digest: Digest::of(raw),
            len,
        };
        Ok(Some(Self { reference, packed }))
    }
}

fn encode(observation: &Observation) -> Result<Vec<u8>, AppendError> {
    let body = encode_observation(observation).expect("an observation always encodes");
    if body.len() > BODY_LEN_MAX {
        return Err(AppendError::TooLarge {
            what: "record",
            found: body.len(),
            wanted: BODY_LEN_MAX,
        });
    }
    Ok(body)
}
