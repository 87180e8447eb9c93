//! Where messages are written: reads from the journal, packs, signs. Blocking work, done off the event loop.

use std::collections::HashMap;

use anyhow::Context;
use tillwire_agent_core::uplink::SegmentFacts;
use tillwire_proto::{
    AgentHealth, AgentHello, AttachmentChunk, Batch, Blob, CHUNK_LEN_MAX, Digest, EnvelopeError,
    HELLO_SEGMENTS_MAX, Kind, RECORDS_MAX, RecordNumber, RelayHello, SegmentId, SegmentState, Sign, Stamp,
    UNPACKED_LEN_MAX, Version, seal,
};

use crate::journal::{Reader, Segment};

/// Packed bodies aimed at, in bytes: a message of 64 KiB less envelope, header and a margin for the guess.
const PACKED_GOAL: usize = 56 * 1024;

/// Bodies per batch at most, in bytes: what may be unpacked, less the four bytes before each.
const PLAIN_MAX: usize = UNPACKED_LEN_MAX - 4 * RECORDS_MAX;

/// Reads, packs and signs.
pub struct Desk {
    reader: Reader,
    signer: Box<dyn Sign + Send>,
    version: Version,
    /// Local numbers of segments, so that a receipt costs one look-up.
    numbers: HashMap<SegmentId, i64>,
    /// Bytes of bodies that the last batches suggest will pack into a message.
    plain_goal: usize,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("plain_goal", &self.plain_goal)
            .finish_non_exhaustive()
    }
}

/// A piece of an attachment, ready to leave.
#[derive(Debug)]
pub struct Piece {
    /// The message.
    pub message: Vec<u8>,
    /// Digest of the whole.
    pub digest: Digest,
}

impl Desk {
    /// A desk over a journal.
    #[must_use]
    pub fn new(reader: Reader, signer: Box<dyn Sign + Send>, version: Version) -> Self {
        Self {
            reader,
            signer,
            version,
            numbers: HashMap::new(),
            plain_goal: PACKED_GOAL,
        }
    }

    /// What is on disk, for the machine.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segments(&mut self) -> anyhow::Result<Vec<SegmentFacts>> {
        let segments = self.reader.segments()?;
        self.numbers.extend(segments.iter().map(|s| (s.id, s.no)));
        Ok(segments.into_iter().map(facts).collect())
    }

    /// One segment that the journal began.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segment(&mut self, id: SegmentId) -> anyhow::Result<Option<SegmentFacts>> {
        let segment = self.reader.segment(id)?;
        self.numbers.extend(segment.iter().map(|s| (s.id, s.no)));
        Ok(segment.map(facts))
    }

    /// The hello, in as many messages as it needs.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn hello(&mut self, stamp: Stamp, health: &AgentHealth) -> anyhow::Result<Vec<Vec<u8>>> {
        let segments: Vec<SegmentState> = self.reader.segments()?.into_iter().map(state).collect();
        let mut parts: Vec<&[SegmentState]> = segments.chunks(HELLO_SEGMENTS_MAX).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let count = parts.len();
        let messages = parts.into_iter().enumerate().map(|(index, part)| {
            let hello = AgentHello {
                version: self.version.clone(),
                stamp,
                segments: part.to_vec(),
                more: index + 1 < count,
                health: health.clone(),
            };
            seal(Kind::AgentHello, &hello, &*self.signer).context("cannot write a hello")
        });
        messages.collect()
    }

    /// A batch from `from` on, and the number of its last record; `None` when that record is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn batch(
        &mut self,
        segment: SegmentId,
        from: RecordNumber,
        with_header: bool,
    ) -> anyhow::Result<Option<(Vec<u8>, RecordNumber)>> {
        let Some(no) = self.number(segment)? else {
            return Ok(None);
        };
        let Some(run) = self.reader.bodies(no, from, RECORDS_MAX, self.plain_goal)? else {
            return Ok(None);
        };
        let header = match with_header {
            true => self.reader.segment(segment)?.map(|s| s.header),
            false => None,
        };
        let mut bodies = &run.bodies[..];
        loop {
            let batch = Batch::pack(segment, header.clone(), from, run.previous, bodies);
            self.learn(bodies.iter().map(Vec::len).sum(), batch.bodies.0.len());
            match seal(Kind::Batch, &batch, &*self.signer) {
                Ok(message) => return Ok(Some((message, batch.last_number()))),
                Err(EnvelopeError::TooLong { .. }) if bodies.len() > 1 => {
                    bodies = &bodies[..bodies.len() / 2];
                }
                Err(error) => return Err(error).context("cannot write a batch"),
            }
        }
    }

    /// Moves the goal towards what this batch shows of how well records pack.
    fn learn(&mut self, plain: usize, packed: usize) {
        // A few records pack worse than many: they say little about a full batch.
        if plain >= PACKED_GOAL / 2 || packed > PACKED_GOAL {
            let fits = plain.saturating_mul(PACKED_GOAL) / packed.max(1) / 10 * 9;
            self.plain_goal = fits.clamp(PACKED_GOAL / 4, PLAIN_MAX);
        }
    }

    /// A piece of an attachment; `None` when it is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn piece(&mut self, segment: SegmentId, number: u64, offset: u32) -> anyhow::Result<Option<Piece>> {
        let Some(no) = self.number(segment)? else {
            return Ok(None);
        };
        let Some(kept) = self.reader.attachment(no, number)? else {
            return Ok(None);
        };
        let start = (offset as usize).min(kept.packed.len());
        let end = (start + CHUNK_LEN_MAX).min(kept.packed.len());
        let chunk = AttachmentChunk {
            digest: kept.digest,
            len: kept.len,
            packed_len: u32::try_from(kept.packed.len()).context("an attachment is longer than 4 GiB")?,
            offset: u32::try_from(start).context("an attachment is longer than 4 GiB")?,
            bytes: Blob(kept.packed[start..end].to_vec()),
        };
        let message = seal(Kind::Attachment, &chunk, &*self.signer).context("cannot write an attachment")?;
        Ok(Some(Piece {
            message,
            digest: kept.digest,
        }))
    }

    /// Our chain hash at a number; `None` when it is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn ours(&mut self, segment: SegmentId, number: RecordNumber) -> anyhow::Result<Option<Digest>> {
        match self.number(segment)? {
            Some(no) => self.reader.hash(no, number),
            None => Ok(None),
        }
    }

    /// Our hashes at the relay's marks.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn ours_of(&mut self, hello: &RelayHello) -> anyhow::Result<Vec<Option<Digest>>> {
        hello
            .marks
            .iter()
            .map(|mark| self.ours(mark.segment, mark.through))
            .collect()
    }

    fn number(&mut self, segment: SegmentId) -> anyhow::Result<Option<i64>> {
        if let Some(no) = self.numbers.get(&segment) {
            return Ok(Some(*no));
        }
        self.segment(segment)?;
        Ok(self.numbers.get(&segment).copied())
    }
}

fn facts(segment: Segment) -> SegmentFacts {
    SegmentFacts {
        lane: segment.lane,
        segment: segment.id,
        first_kept: segment.pruned.number.next(),
        last: segment.last.number,
        receipted: segment.receipted,
        attachments: segment.attachments,
        attached: segment.attached,
    }
}

fn state(segment: Segment) -> SegmentState {
    SegmentState {
        lane: segment.lane,
        segment: segment.id,
        first_kept: segment.pruned.number.next(),
        last: segment.last.number,
        hash: segment.last.hash,
    }
}
